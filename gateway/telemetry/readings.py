"""Stored readings, given: a unit's window for a model, a page of them, and when units were last heard of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from bentos.fault.points import POINTS
from bentos.fault.series import REQUIRED
from gateway.tables import table_of
from gateway.telemetry.plant import STORED
from gateway.telemetry.rules import QUARANTINED
from gateway.telemetry.tables import Heard, Latest, Reading

READINGS, LATEST = table_of(Reading), table_of(Latest)


def uom(point: str) -> str:
    """The unit of measure in which a point's readings are stored, as UCUM writes it."""
    return STORED[POINTS[point].quantity]


def window(session: Session, unit_id: str, since: datetime, until: datetime) -> dict[str, Any]:
    """A unit's readings from ``since`` to before ``until``, as a question about it wants them.

    ``times`` are full minutes, each once; of several readings in one minute the last is given. What is quarantined is
    null. Points that a question must have are there even if nothing is known of them.
    """
    wanted = _between(unit_id, since, until).with_only_columns(READINGS.c.at, READINGS.c.point, READINGS.c.value)
    rows = session.execute(wanted.where(READINGS.c.quality.not_in(QUARANTINED)).order_by(READINGS.c.at)).all()
    minutes = sorted({at.replace(second=0, microsecond=0) for at, _, _ in rows})
    places = {minute: place for place, minute in enumerate(minutes)}
    values: dict[str, list[float | None]] = {name: [None] * len(minutes) for name in REQUIRED}
    for at, point, value in rows:
        if point not in values:
            values[point] = [None] * len(minutes)
        values[point][places[at.replace(second=0, microsecond=0)]] = value
    points = {point: {"unit": uom(point), "values": found} for point, found in values.items()}
    return {"times": [minute.isoformat() for minute in minutes], "points": points}


def newest(session: Session) -> dict[str, datetime]:
    """By unit the time of its newest reading."""
    wanted = select(Latest.unit_id, func.max(Latest.at)).group_by(Latest.unit_id)
    return dict(session.execute(wanted).all())


def oldest(session: Session, unit_id: str) -> datetime:
    """The time of a unit's first reading that is still kept. Raises ``NoResultFound``."""
    wanted = select(func.min(READINGS.c.at)).where(READINGS.c.unit_id == unit_id)
    first: datetime = session.execute(wanted).scalar_one()
    return first


def heard(session: Session) -> dict[str, datetime]:
    """By unit when anything last came from it, whatever its readings' times are."""
    return dict(session.execute(select(Heard.unit_id, Heard.at)).all())


def latest(session: Session, unit_id: str) -> Sequence[Any]:
    """The newest reading of each point of a unit: point, at, value, quality."""
    wanted = select(LATEST.c.point, LATEST.c.at, LATEST.c.value, LATEST.c.quality)
    return session.execute(wanted.where(LATEST.c.unit_id == unit_id).order_by(LATEST.c.point)).all()


def counted(session: Session, unit_id: str, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """How many readings of each point have each quality."""
    wanted = _between(unit_id, since, until).with_only_columns(READINGS.c.point, READINGS.c.quality, func.count())
    rows = session.execute(wanted.group_by(READINGS.c.point, READINGS.c.quality))
    return {(point, quality): count for point, quality, count in rows}


def quarters(session: Session, unit_id: str, since: datetime, until: datetime) -> dict[str, set[int]]:
    """By point the quarter-hours, counted since 1970, in which something is known of it."""
    wanted = _between(unit_id, since, until).with_only_columns(READINGS.c.point, READINGS.c.at)
    found: dict[str, set[int]] = {}
    for point, at in session.execute(wanted.where(READINGS.c.quality.not_in(QUARANTINED))):
        found.setdefault(point, set()).add(int(at.timestamp() // 900))
    return found


def page(
    session: Session, unit_id: str, since: datetime, until: datetime, more: tuple[Sequence[str], Any, int]
) -> Sequence[Any]:
    """At most so many readings in their order, of these points or of all, after one that is given as (at, point)."""
    points, after, limit = more
    wanted = _between(unit_id, since, until)
    if points:
        wanted = wanted.where(READINGS.c.point.in_(points))
    if after is not None:
        at, point = after
        later = and_(READINGS.c.at == at, READINGS.c.point > point)
        wanted = wanted.where(READINGS.c.at >= at, or_(READINGS.c.at > at, later))
    return session.execute(wanted.order_by(READINGS.c.at, READINGS.c.point).limit(limit)).all()


def _between(unit_id: str, since: datetime, until: datetime) -> Select[Any]:
    wanted = select(READINGS.c.at, READINGS.c.point, READINGS.c.value, READINGS.c.quality)
    return wanted.where(READINGS.c.unit_id == unit_id, READINGS.c.at >= since, READINGS.c.at < until)
