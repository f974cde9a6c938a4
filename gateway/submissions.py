"""Ask for a month and do not wait: the task's id at once, its result when it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import AliasChoices, BaseModel, Field
from sqlalchemy import Engine, Select, bindparam, func, select
from sqlalchemy.orm import Session

from bentos.load.schema import MODEL_DAYS, Answer, ModelType
from gateway import months, polling, store, tasks
from gateway.auth import at_least
from gateway.broker import Messages, Tell
from gateway.errors import Problem, documented
from gateway.fits import Subject
from gateway.forecasting import KIND
from gateway.forecasts import HighDay, highest
from gateway.months import Asked, Reach
from gateway.once import ONCE, Makes, OnceJsonRoute
from gateway.owner import Owner
from gateway.polling import Failure, Known
from gateway.series import find
from gateway.settings import Knobs, Settings
from gateway.store import Database
from gateway.tables import Base, Fit, Forecast, Task, table_of
from gateway.tasks import Queue, Status

router = APIRouter(route_class=OnceJsonRoute, tags=["forecasts"], responses=documented(422, 500, 503))

RESULT, TASKS = "/api/forecast/result", "/api/v1/forecasts/tasks"

_SUBMITTED: dict[int | str, dict[str, Any]] = {
    202: {"headers": {"Location": {"schema": {"type": "string"}}, "Retry-After": {"schema": {"type": "integer"}}}},
    **documented(400, 413, 415),
}


def _counted(kind: type[Base], *named: str) -> Select[int]:
    """How many rows have these values in these columns."""
    table = table_of(kind)
    return select(func.count()).select_from(table).where(*(table.c[name] == bindparam(name) for name in named))


# Written once, since orders may come by the dozen a second.
_SUBMITTED_BEFORE = _counted(Task, "id", "owner")
_FITS = _counted(Fit, "owner", "series", "first", "last")


class AskedAsWritten(Asked):
    """The same with the model that the document means where none is named."""

    model_type: ModelType = Field("RandomForestRegressor", validation_alias=AliasChoices("model_type", "modelType"))


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose order it is, and where it goes."""

    owner: str
    database: Engine
    settings: Settings
    messages: Messages
    number: UUID  # the task's; that of one that was submitted already, where a crash hid the answer


async def _desk(owner: Owner, database: Database, settings: Knobs, messages: Tell, number: Makes) -> Desk:
    return Desk(owner, database, settings, messages, number)


At = Annotated[Desk, Depends(_desk)]


class Submitted(BaseModel):
    """The task that will answer."""

    taskId: UUID  # noqa: N815 - the document's name
    status: Status = "PENDING"


class ForecastResult(Submitted):
    """How far the task is, in percent and estimated seconds; at its end the ten days of highest load and the month."""

    progress: int
    stage: str | None
    left_s: float | None
    result: list[HighDay] | None
    month: Answer | None
    error: Failure | None


@router.post("/api/forecast/submit", status_code=202, dependencies=[at_least("operator"), ONCE], responses=_SUBMITTED)
def submit(asked: AskedAsWritten, desk: At, response: Response) -> Submitted:
    """A month of your stored days, forecast by the model that was fitted on them, or that is fitted now."""
    task = _submit(asked, desk)
    response.headers.update({"Location": f"{RESULT}/{task.id}", "Retry-After": str(polling.SOON_S)})
    return Submitted(taskId=task.id)


@router.post(TASKS, status_code=202, dependencies=[at_least("operator"), ONCE], responses=_SUBMITTED)
def submit_task(asked: Asked, desk: At, response: Response) -> Submitted:
    """The same, by the ensemble where no model is named."""
    task = _submit(asked, desk)
    response.headers.update({"Location": f"{TASKS}/{task.id}", "Retry-After": str(polling.SOON_S)})
    return Submitted(taskId=task.id)


@router.get(
    RESULT + "/{task_id}",
    dependencies=[at_least("viewer")],
    response_model=ForecastResult,
    responses={**polling.DOCUMENTED, **documented(404)},
)
@router.get(
    TASKS + "/{task_id}",
    dependencies=[at_least("viewer")],
    response_model=ForecastResult,
    responses={**polling.DOCUMENTED, **documented(404)},
)
def result(task_id: UUID, owner: Owner, database: Database, known: Known = None) -> Response:
    """How a task stands. Ask again after Retry-After, with the ETag as If-None-Match."""
    with store.transaction(database) as session:
        task = session.scalar(select(Task).where(Task.id == task_id, Task.owner == owner, Task.kind == KIND))
        if task is None:
            raise Problem(404, "task-unknown", "There is no such task. Use the taskId that a submit answered.")
        wanted = select(Forecast.answer).where(Forecast.task_id == task_id)
        kept = session.scalar(wanted) if task.status == "COMPLETED" else None
    month = Answer.model_validate(kept) if kept else None
    said = {name: getattr(task, name) for name in ("status", "progress", "stage", "left_s", "error")}
    shown = ForecastResult(taskId=task.id, result=highest(month) if month else None, month=month, **said)
    ended = task.status in ("COMPLETED", "FAILED")
    return polling.answer(shown, known, None if ended else polling.wait_s(task.left_s))


def _submit(asked: Asked, desk: Desk) -> Task:
    """What can be refused is refused now; then the row is durable, and only then somebody is told."""
    series = find(desk.settings.series, asked.series)
    with store.transaction(desk.database) as session:
        if session.scalar(_SUBMITTED_BEFORE, {"id": desk.number, "owner": desk.owner}):
            return session.get_one(Task, desk.number)
        reach = months.reach(session, desk.owner, asked)
        queue = _queue(session, Subject.of(desk.owner, asked), reach)
    first = reach.month[0]
    told = {"unit": series.unit, **asked.model_dump(exclude_none=True), "year": first.year, "month": first.month}
    task = tasks.submit(desk.database, desk.owner, KIND, told, queue, desk.number)
    desk.messages.tell(task)
    return task


def _queue(session: Session, subject: Subject, reach: Reach) -> Queue:
    """Where somebody should look for it. To hash the history would take too long here: a fit from the same day to the
    same day is taken for the one that is wanted, and where days between were changed, whoever looks passes it on.
    """
    if reach.known.days < MODEL_DAYS:
        return "forecasts"
    same = {"owner": subject.owner, "series": subject.series, "first": reach.known.first, "last": reach.known.last}
    return "forecasts" if session.scalar(_FITS, same) else "training"
