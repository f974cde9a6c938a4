"""Models fitted for callers: which there are, and how one is made, by a child process that never outlives us."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy import Engine, delete
from sqlalchemy.exc import IntegrityError

from gateway import children, store
from gateway.months import Asked
from gateway.runs import Run
from gateway.series import POWER
from gateway.settings import Settings
from gateway.snapshots import Snapshot
from gateway.tables import Fit
from gateway.tasks import TaskError

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "training", "load")
MOST = 95  # percent; the rest is for asking the model


@dataclass(frozen=True, slots=True)
class Subject:
    """What a line of models is of: an owner's series, and the region whose holidays count."""

    owner: str
    name: str = POWER.name
    country: str | None = None
    subdivision: str | None = None
    timezone: str = "UTC"

    @classmethod
    def of(cls, owner: str, asked: Asked) -> Subject:
        """What a month was asked for."""
        return cls(owner, asked.series, asked.country, asked.subdivision, asked.timezone)

    @property
    def series(self) -> str:
        """The series and its region: who knows of other holidays is another model."""
        return "/".join(part for part in (self.name, self.country, self.subdivision) if part)

    @property
    def model(self) -> str:
        """The name of its models in the registry, which does not tell whose they are."""
        return f"load-{hashlib.sha256(f'{self.owner}/{self.series}'.encode()).hexdigest()[:32]}"


def find(database: Engine, subject: Subject, history_hash: str) -> Fit | None:
    """What became of the fit on this history, if there was one."""
    with store.transaction(database) as session:
        return session.get(Fit, (subject.owner, subject.series, history_hash))


def make(run: Run, subject: Subject, snapshot: Snapshot, command: Sequence[str] = COMMAND) -> Fit:
    """Fit on a snapshot, which also publishes, and keep what became of it. Raises as ``children.follow`` does."""
    began = time.monotonic()
    with _scratch(run) as folder:
        outcome = _outcome(run, [*command, "--attached", *_options(subject, snapshot, folder)])
        card = folder / "card" / "card.md"
        written = card.read_text(encoding="utf-8") if card.is_file() else None
    made = Fit(
        owner=subject.owner,
        series=subject.series,
        history_hash=snapshot.hash,
        created_at=datetime.now(UTC),
        first=snapshot.first,
        last=snapshot.last,
        model_name=subject.model,
        card=written,
        seconds=time.monotonic() - began,
        model_version=outcome.version,
        kept=outcome.version is not None,  # what is in the registry can be asked, whether it is the current one or not
        reason=outcome.reason and outcome.reason[:255],
        scores=outcome.scores,
    )
    return _kept(run.database, made)


def forget(database: Engine, gone: Fit) -> None:
    """The registry has it no more: whoever asks next fits again."""
    key = (Fit.owner == gone.owner, Fit.series == gone.series, Fit.history_hash == gone.history_hash)
    with store.transaction(database) as session:
        session.execute(delete(Fit).where(*key, Fit.created_at == gone.created_at))


def current(settings: Settings, model: str) -> str | None:
    """The version of a line of models that the registry names as the one to answer now."""
    try:
        return (settings.registry / model / "current").read_text(encoding="ascii").strip()
    except OSError:
        return None


class _Outcome(BaseModel):
    """The child's last line; ``version`` is in the registry unless null, ``kept`` where it became the current one."""

    kept: bool
    version: str | None = None
    reason: str | None = None
    scores: dict[str, Any] = {}


def _options(subject: Subject, snapshot: Snapshot, folder: Path) -> list[str]:
    """Each in one word, so that no value is taken for an option."""
    said: dict[str, object] = {
        "snapshot": snapshot.path.resolve(),
        "out": folder,
        "name": subject.model,
        "timezone": subject.timezone,
        "country": subject.country,
        "subdivision": subject.subdivision,
    }
    return [f"--{name}={value}" for name, value in said.items() if value is not None]


def _outcome(run: Run, words: Sequence[str]) -> _Outcome:
    """What the child says at its end; what it says before is reported."""
    folders = {"FOREWATT_DATA": run.settings.data, "FOREWATT_MODELS": run.settings.registry}
    more = {name: str(folder.resolve()) for name, folder in folders.items()} | {"OMP_NUM_THREADS": "1"}
    ends: list[dict[str, Any]] = []

    def hear(line: bytes) -> None:
        said = _object(line)
        if "kept" in said:
            ends.append(said)
        elif isinstance(progress := said.get("progress"), int | float):
            run.report(min(int(progress), MOST), str(said.get("stage", "fitting")), said.get("left_s"))

    children.follow(run, words, more, hear)
    try:
        return _Outcome.model_validate(ends[-1])
    except (IndexError, ValidationError) as wrong:
        log.error("a fit ended without an outcome: %s", wrong)
        raise TaskError("broken", children.BROKEN) from None


def _object(line: bytes) -> dict[str, Any]:
    """A line of JSON; what is no number becomes nothing, since no database has a place for it."""
    try:
        said = json.loads(line, parse_constant=lambda _: None)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _kept(database: Engine, made: Fit) -> Fit:
    """As it stands in the table: another worker may have been faster."""
    try:
        store.keep(database, made)
    except IntegrityError:
        with store.transaction(database) as session:
            return session.get_one(Fit, (made.owner, made.series, made.history_hash))
    return made


@contextmanager
def _scratch(run: Run) -> Iterator[Path]:
    """A folder of this attempt; what one that was killed left behind goes with it."""
    folder = run.settings.data / "fits"
    for left in folder.glob(f"{run.lease.task}-*"):
        shutil.rmtree(left, ignore_errors=True)
    place = folder / f"{run.lease.task}-{run.lease.attempt}"
    place.mkdir(mode=0o700, parents=True)
    try:
        yield place.resolve()
    finally:
        shutil.rmtree(place, ignore_errors=True)
