"""What people do with alerts: look, take, give to somebody, set aside, say what it was; and units out of service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Engine, and_, or_, select
from sqlalchemy.orm import Session

from gateway import store
from gateway.alerts import desk
from gateway.alerts.desk import By
from gateway.alerts.lifecycle import ENDED, Acknowledge, Close, Event, IllegalError, Shelve, State
from gateway.alerts.rows import RowBook, absent, hold
from gateway.alerts.tables import Absence, AlertNotice, AlertRow, AlertStep, Reason
from gateway.equipment import units
from gateway.errors import Problem


def listed(
    session: Session, states: Sequence[str], unit_id: str | None, level: int, page: tuple[AlertRow | None, int]
) -> list[AlertRow]:
    """The newest first: those after one of them, or from the beginning."""
    after, most = page
    wanted = select(AlertRow).order_by(AlertRow.created_at.desc(), AlertRow.id.desc()).limit(most)
    if states:
        wanted = wanted.where(AlertRow.state.in_(states))
    if unit_id is not None:
        wanted = wanted.where(AlertRow.unit_id == unit_id)
    if level > 1:
        wanted = wanted.where(AlertRow.level >= level)
    if after is not None:
        same = and_(AlertRow.created_at == after.created_at, AlertRow.id < after.id)
        wanted = wanted.where(or_(AlertRow.created_at < after.created_at, same))
    return list(session.scalars(wanted))


def labelled(session: Session, since: datetime | None, after: AlertRow | None, most: int) -> list[AlertRow]:
    """Alerts of which somebody has said what they were, in the order in which he did."""
    wanted = select(AlertRow).where(AlertRow.reason.is_not(None), AlertRow.about == "fault")
    if since is not None:
        wanted = wanted.where(AlertRow.closed_at >= since)
    if after is not None:
        same = and_(AlertRow.closed_at == after.closed_at, AlertRow.id > after.id)
        wanted = wanted.where(or_(AlertRow.closed_at > after.closed_at, same))
    return list(session.scalars(wanted.order_by(AlertRow.closed_at, AlertRow.id).limit(most)))


def known(session: Session, number: UUID, *, held: bool = False) -> AlertRow:
    """The alert of this id; 404 where there is none."""
    row = next(iter(hold(session, AlertRow.id == number)), None) if held else session.get(AlertRow, number)
    if row is None:
        raise Problem(404, "alert-unknown", "There is no such alert. Use an id that GET /api/v1/alerts lists.")
    return row


def path(session: Session, number: UUID) -> tuple[list[AlertStep], list[AlertNotice], list[UUID]]:
    """What became of an alert, what was told of it, and for which others it stands."""
    steps = select(AlertStep).where(AlertStep.alert_id == number).order_by(AlertStep.number)
    told = select(AlertNotice).where(AlertNotice.alert_id == number).order_by(AlertNotice.at)
    below = select(AlertRow.id).where(AlertRow.parent == number).order_by(AlertRow.created_at, AlertRow.id)
    return list(session.scalars(steps)), list(session.scalars(told)), list(session.scalars(below))


@store.retried
def acknowledge(database: Engine, number: UUID, by: By, now: datetime) -> None:
    """Somebody takes it; it calls nobody else."""
    with store.transaction(database) as session:
        row = known(session, number, held=True)
        _do(session, row, Acknowledge(), now, by)
        row.assignee = row.assignee or by.name


@store.retried
def assign(database: Engine, number: UUID, to: str | None, by: By, now: datetime) -> None:
    """It is somebody's, or nobody's; 409 where it has ended."""
    with store.transaction(database) as session:
        row = known(session, number, held=True)
        if row.state in ENDED:
            raise _illegal(row, "An alert that has ended is nobody's any more.")
        row.assignee = to
        desk.remark(RowBook(session, now), row, now, by)


@store.retried
def shelve(database: Engine, number: UUID, until: datetime, by: By, now: datetime) -> None:
    """Set aside until then; one that has passed ends a shelf."""
    with store.transaction(database) as session:
        _do(session, known(session, number, held=True), Shelve(until), now, by)


@store.retried
def close(database: Engine, number: UUID, reason: Reason, by: By, now: datetime) -> None:
    """Somebody says what it was; who closes it once more corrects what was said."""
    with store.transaction(database) as session:
        row = known(session, number, held=True)
        if row.state == State.CLOSED:
            desk.remark(RowBook(session, now), row, now, by)
        else:
            _do(session, row, Close(), now, by)
        row.reason, row.closed_at, row.closed_by = reason, now, by.name


@store.retried
def leave(database: Engine, unit_id: str, until: datetime, by: By, now: datetime) -> Absence:
    """The unit is out of service until then, whatever was said before."""
    with store.transaction(database) as session:
        units.known(session, unit_id)
        _end_absences(session, unit_id, now)
        row = Absence(id=uuid4(), unit_id=unit_id, since=now, until=until, actor=by.name or "", note=by.note)
        row.actor_id = by.id or UUID(int=0)
        session.add(row)
        session.flush()
        desk.leave(RowBook(session, now), unit_id, until, now, by)
        return row


@store.retried
def come_back(database: Engine, unit_id: str, by: By, now: datetime) -> None:
    """The unit is in service again; 409 where it was."""
    with store.transaction(database) as session:
        units.known(session, unit_id)
        if not _end_absences(session, unit_id, now):
            detail = "This unit is in service. Ask for its absence first; there is nothing to end."
            raise Problem(409, "unit-in-service", detail)
        desk.leave(RowBook(session, now), unit_id, now, now, by)


def absence(session: Session, unit_id: str, now: datetime) -> Absence | None:
    """Where the unit is out of service now."""
    return session.scalars(select(Absence).where(*absent(unit_id, now)).order_by(Absence.until.desc())).first()


def _end_absences(session: Session, unit_id: str, now: datetime) -> bool:
    ended = list(session.scalars(select(Absence).where(*absent(unit_id, now)).with_for_update()))
    for row in ended:
        row.until = now
    session.flush()
    return bool(ended)


def _do(session: Session, row: AlertRow, event: Event, now: datetime, by: By) -> None:
    try:
        desk.apply(RowBook(session, now), row, event, now, by)
    except IllegalError as why:
        raise _illegal(row, str(why)) from None


def _illegal(row: AlertRow, why: str) -> Problem:
    return Problem(409, "alert-state", f"{why} Look at the alert: it is {row.state}, and do what that allows.")
