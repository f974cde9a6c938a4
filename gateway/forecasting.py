"""The work on a forecast task: a snapshot, the model fitted on it or now, its answer, and a row that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asgi_correlation_id import correlation_id
from pydantic import ValidationError
from sqlalchemy.orm import Session

from bentos.load.schema import MODEL_DAYS, Answer, Question
from gateway import fits, forecasts, inference, months, snapshots, store, tasks
from gateway.errors import Problem, refused
from gateway.fits import Subject
from gateway.months import Asked, Reach
from gateway.runs import Run
from gateway.snapshots import Snapshot
from gateway.tables import Fit
from gateway.tasks import LostError, TaskError, TransientError

KIND = "forecast"
DEADLINE_MS = 30_000  # nobody waits on a line, and a model that was not open yet has to prove itself first


def work(run: Run, command: Sequence[str] = fits.COMMAND) -> tuple[dict[str, Any], Callable[[Session], None]]:
    """What the task's row says at its end, and what keeps the forecast beside it. ``command`` fits a model."""
    asked, owner = Asked.model_validate(run.lease.asked), run.lease.owner
    with _in_words_of_tasks():
        run.report(1, "snapshot", None)
        whose = owner, asked.series
        with store.transaction(run.database) as session:
            reach = months.reach(session, owner, asked)
        snapshot = snapshots.take(run.settings.snapshots, run.database, whose, reach.known.last)
        fit = _fit(run, Subject.of(owner, asked), snapshot, command)
        run.report(fits.MOST + 1, "asking", None)
        question = _question(asked, reach, snapshot)
        answer = _warned(_answer(run, question, fit), reach, fit)
    row = forecasts.row(question, answer, *whose)
    row.task_id, row.history_hash = run.lease.task, snapshot.hash
    result = {
        "forecast": str(row.id),
        "model_name": row.model_name,
        "model_version": row.model_version,
        "model_type": row.model_type,
        "weather": row.weather,
        "history_hash": row.history_hash,
    }

    def keep(session: Session) -> None:
        session.add(row)
        session.flush()
        if not snapshots.stands(session, whose, snapshot):  # deleted while we were at it
            snapshots.forget(session, run.settings.snapshots, whose, snapshot.first, snapshot.last)

    return result, keep


def _fit(run: Run, subject: Subject, snapshot: Snapshot, command: Sequence[str]) -> Fit | None:
    """The one that is known, or made now; nothing where the history is too short for any model."""
    if snapshot.days < MODEL_DAYS:
        return None
    if known := fits.find(run.database, subject, snapshot.hash):
        return known
    row = tasks.find(run.database, subject.owner, run.lease.task)
    if row is None or row.queue != "training":
        tasks.pass_on(run.database, run.lease, "training")
        raise LostError
    return fits.make(run, subject, snapshot, command)


def _question(asked: Asked, reach: Reach, snapshot: Snapshot) -> Question:
    first = reach.month[0]
    told = asked.model_dump(exclude_none=True, exclude={"series"}) | {"year": first.year, "month": first.month}
    try:
        return Question.model_validate({"series": snapshot.series(), **told})
    except ValidationError as wrong:
        raise refused(wrong.errors(include_url=False, include_input=False)) from None


def _answer(run: Run, question: Question, fit: Fit | None) -> Answer:
    """Of the model that was fitted, or of the released one where it was not kept."""
    model = f"{fit.model_name}/{fit.model_version}" if fit and fit.kept else ""

    async def ask() -> Answer:
        correlation_id.set(str(run.lease.task))
        async with inference.connect(run.settings) as client:
            return await inference.ask(client, question, DEADLINE_MS, model)

    try:
        return asyncio.run(ask())
    except Problem as wrong:
        if fit and _code(wrong) == inference.GONE:
            fits.forget(run.database, fit)
            raise TransientError("The registry has lost the model; it will be fitted again.") from None
        raise


def _warned(answer: Answer, reach: Reach, fit: Fit | None) -> Answer:
    said = []
    if reach.passed:
        said.append(
            f"Days after {reach.known.last} are stored and were left out: this is what was known before the month."
        )
    if fit and (fit.reason or not fit.kept):
        why = (fit.reason or "no reason was given").rstrip(".")
        became = "answers, but is not the current one" if fit.kept else "was not kept, and the released one answers"
        said.append(f"The model fitted on these days {became}: {why}.")
    return answer.model_copy(update={"warnings": [*said, *answer.warnings]})


@contextmanager
def _in_words_of_tasks() -> Iterator[None]:
    """What a caller would be told at once is told by the task: what may pass is tried again, the rest is its end."""
    try:
        yield
    except Problem as wrong:
        if wrong.status_code >= 500:
            raise TransientError(wrong.detail) from None
        raise TaskError(wrong.faults[0].code if wrong.faults else _code(wrong), wrong.detail) from None


def _code(wrong: Problem) -> str:
    return wrong.type.rpartition(":")[2]
