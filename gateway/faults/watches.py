"""Who watches which unit: a turn is taken under a lease, and what it brings is kept once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, Update, select, update
from sqlalchemy.orm import Session

from bentos.fault.schema import Answer
from gateway import store, upserts
from gateway.alerts import states
from gateway.alerts.findings import Finding
from gateway.equipment.outlook import outlook
from gateway.equipment.tables import Unit, UnitPoint
from gateway.faults import slots
from gateway.faults.slots import Slots
from gateway.faults.tables import Prediction, Watch
from gateway.tables import table_of
from gateway.tasks import LostError
from gateway.telemetry import readings

LEASE = timedelta(seconds=60)  # longer than an answer may take
LOOK_AGAIN = timedelta(seconds=10)  # after an answer that could not be had
MOST_SLOTS = 48  # of a turn; others wait for theirs
Known = Row[str, str, int]  # a unit's id, kind and interval_s
Due = tuple[Known, Watch, Slots]
PREDICTIONS, WATCHES = table_of(Prediction), table_of(Watch)


@dataclass(frozen=True, slots=True)
class Turn:
    """A unit, slots that are due, and the right to predict them while nobody has a later attempt.

    ``newest`` is the last that is due, which may come in a later turn: what was so in between is over.
    """

    unit_id: str
    attempt: int
    slots: tuple[datetime, ...]
    newest: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a slot, and since when the unit's reference is the one that goes with it."""

    slot: datetime
    body: bytes
    reference_at: datetime | None


@store.retried
def take(database: Engine, now: datetime, catch_up: timedelta, most: int) -> list[Turn]:
    """So many units whose turn it is; for others they are held from now on."""
    with store.transaction(database) as session:
        turns = []
        for unit, watch, found in due(session, now, catch_up, begin=True):
            if turn := _turn(session, unit, watch, found, now):
                turns.append(turn)
            if len(turns) == most:
                break
        return turns


def due(session: Session, now: datetime, catch_up: timedelta, *, begin: bool = False) -> Iterator[Due]:
    """Each unit that is watched with its slots that are due; it may ``begin`` to watch those that are not yet."""
    newest, watched = readings.newest(session), {row.unit_id: row for row in session.scalars(select(Watch))}
    for unit in predictable(session, newest):
        if watch := watched.get(unit.id) or (_begin(session, unit.id, now) if begin else None):
            interval = timedelta(seconds=unit.interval_s)
            yield unit, watch, slots.due(watch.done_until, newest[unit.id], interval, now, catch_up)


def predictable(session: Session, heard: Collection[str]) -> list[Known]:
    """Units with the points for it of which something was heard: id, kind, interval_s."""
    points: dict[str, list[str]] = {}
    for unit_id, point in session.execute(select(UnitPoint.unit_id, UnitPoint.point)):
        points.setdefault(unit_id, []).append(point)
    found = session.execute(select(Unit.id, Unit.kind, Unit.interval_s).where(Unit.id.in_(points)))
    return [unit for unit in found if unit.id in heard and outlook(unit.kind, points[unit.id]).predictable]


def _begin(session: Session, unit_id: str, now: datetime) -> Watch | None:
    """From the unit's first reading on; nothing where another has just begun it, and is not seen yet."""
    first = readings.oldest(session, unit_id)
    new = {"unit_id": unit_id, "done_until": first, "attempt": 0, "free_at": now, "moved_at": now, "skipped": 0}
    upserts.insert_new(session, WATCHES, [new])
    return session.get(Watch, unit_id)


def _turn(session: Session, unit: Known, watch: Watch, found: Slots, now: datetime) -> Turn | None:
    if watch.free_at > now or not found.due:
        return None
    held = update(Watch).where(Watch.unit_id == unit.id, Watch.attempt == watch.attempt, Watch.free_at <= now)
    values = {"attempt": watch.attempt + 1, "free_at": now + LEASE, "skipped": watch.skipped + found.skipped}
    mine = store.changed(session, held, **values)
    return Turn(unit.id, watch.attempt + 1, found.due[:MOST_SLOTS], found.due[-1]) if mine else None


@store.retried
def keep(database: Engine, turn: Turn, asked: Asked, answer: Answer, now: datetime) -> None:
    """The answer for a slot, and what follows from it. Raises ``LostError`` where another has the unit."""
    said = answer.model_dump(mode="json", exclude={"reference"})
    finding = Finding.of(said)
    with store.transaction(database) as session:
        _move_on(session, turn, asked.slot, now, None)
        session.execute(PREDICTIONS.insert(), _row(finding, asked.slot, now) | {"answer": said})
        if answer.reference is not None:  # now with its last days, if nobody has made another meanwhile
            same = update(Unit).where(Unit.id == turn.unit_id, Unit.reference_at == asked.reference_at)
            store.changed(session, same, reference=answer.reference)
        if asked.slot == turn.newest:
            states.observe(session, finding, now)


def pass_over(database: Engine, turn: Turn, slot: datetime, why: str, now: datetime) -> None:
    """No prediction for this slot, and why. Raises ``LostError``."""
    with store.transaction(database) as session:
        _move_on(session, turn, slot, now, why)


def let_go(database: Engine, turn: Turn, why: str | None, now: datetime) -> None:
    """For another, at once or, where there is a trouble, a little later."""
    values: dict[str, Any] = {"free_at": now + LOOK_AGAIN, "trouble": why} if why else {"free_at": now}
    with store.transaction(database) as session:
        store.changed(session, _held(turn), **values)


def _move_on(session: Session, turn: Turn, slot: datetime, now: datetime, trouble: str | None) -> None:
    if not store.changed(session, _held(turn), done_until=slot, free_at=now + LEASE, moved_at=now, trouble=trouble):
        raise LostError


def _held(turn: Turn) -> Update:
    return update(Watch).where(Watch.unit_id == turn.unit_id, Watch.attempt == turn.attempt)


def _row(finding: Finding, slot: datetime, now: datetime) -> dict[str, Any]:
    return {
        "unit_id": finding.unit_id,
        "slot": slot,
        "made_at": now,
        "level": finding.level,
        "fault": finding.fault,
        "probability": finding.probability,
        "severity": finding.severity,
        "model_version": finding.version,
    }
