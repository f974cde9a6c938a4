"""Units as they are kept: declared, found, taken away; and whose a time series is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.equipment.tables import Feed, Unit, UnitPoint
from gateway.errors import Meanwhile, Problem
from gateway.rights import Identity


@dataclass(frozen=True, slots=True)
class Place:
    """Where readings of a series belong, and the unit of measure in which they come."""

    unit_id: str
    point: str
    uom: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A unit as somebody wants it: its points as (time-series id or none, UCUM code) by name, and what feeds it."""

    id: str
    name: str
    kind: str
    place: str | None
    zone: str | None
    interval_s: int
    points: Mapping[str, tuple[str | None, str]]
    fed_by: frozenset[str]


def find(session: Session, unit_id: str) -> Unit | None:
    """The unit of this id."""
    return session.get(Unit, unit_id)


def known(session: Session, unit_id: str) -> Unit:
    """The same; 404 where there is none."""
    if (unit := find(session, unit_id)) is None:
        detail = "There is no unit of this id. Ask GET /api/v1/units for those there are, or declare it by PUT."
        raise Problem(404, "unit-unknown", detail)
    return unit


def everyone(session: Session) -> list[Unit]:
    """All units, by id."""
    return list(session.scalars(select(Unit).order_by(Unit.id)))


def places(session: Session) -> dict[str, Place]:
    """By time-series id."""
    wanted = select(UnitPoint.series_id, UnitPoint.unit_id, UnitPoint.point, UnitPoint.uom)
    rows = session.execute(wanted.where(UnitPoint.series_id.is_not(None)))
    return {str(series): Place(unit, point, uom) for series, unit, point, uom in rows}


def points_of(session: Session, unit_id: str) -> dict[str, str]:
    """The unit of measure of each point that a unit has."""
    wanted = select(UnitPoint.point, UnitPoint.uom).where(UnitPoint.unit_id == unit_id).order_by(UnitPoint.point)
    return {row.point: row.uom for row in session.execute(wanted)}


def upstream(session: Session) -> dict[str, set[str]]:
    """By unit those that feed it or that it is a part of; plants have loops, so a walk along it has to expect them."""
    found: dict[str, set[str]] = {}
    for feed in session.scalars(select(Feed)):
        found.setdefault(feed.downstream, set()).add(feed.upstream)
    return found


def declare(session: Session, wanted: Declared, by: Identity, now: datetime) -> Unit:
    """The unit is as wanted from now on; what it is like when healthy stays. 409 and 422 where that cannot be."""
    _check_series(session, wanted)
    unit = find(session, wanted.id)
    if unit is None:
        unit = Unit(id=wanted.id, created_at=now)
        session.add(unit)
    unit.name, unit.kind, unit.place, unit.zone = wanted.name, wanted.kind, wanted.place, wanted.zone
    unit.interval_s = wanted.interval_s
    _touch(unit, by, now)
    flush(session)
    _check_feeders(session, wanted)
    session.execute(delete(UnitPoint).where(UnitPoint.unit_id == wanted.id))
    session.execute(delete(Feed).where(Feed.downstream == wanted.id))
    for point, (series, uom) in wanted.points.items():
        session.add(UnitPoint(unit_id=wanted.id, point=point, series_id=series, uom=uom))
    session.add_all(Feed(upstream=above, downstream=wanted.id) for above in wanted.fed_by)
    flush(session)
    return unit


def set_point(session: Session, place: Place, series: str | None, by: Identity, now: datetime) -> None:
    """A point of a unit is measured so from now on, under this time-series id if any. 404 without the unit."""
    unit = known(session, place.unit_id)
    other = places(session).get(series or "")
    if other is not None and (other.unit_id, other.point) != (place.unit_id, place.point):
        raise series_taken(str(series), other)
    session.merge(UnitPoint(unit_id=place.unit_id, point=place.point, series_id=series, uom=place.uom))
    _touch(unit, by, now)
    flush(session)


def drop_point(session: Session, unit_id: str, point: str, by: Identity, now: datetime) -> None:
    """The unit has the point no more; 404 where it had not."""
    unit = known(session, unit_id)
    if (row := session.get(UnitPoint, (unit_id, point))) is None:
        raise Problem(404, "point-unknown", f"The unit has no {point}. Ask for the unit to see which points it has.")
    session.delete(row)
    _touch(unit, by, now)
    flush(session)


def remove(session: Session, unit_id: str) -> None:
    """The unit with its points is gone; its readings are not touched. 404 where there is none."""
    unit = known(session, unit_id)
    session.execute(delete(UnitPoint).where(UnitPoint.unit_id == unit_id))
    session.execute(delete(Feed).where(or_(Feed.upstream == unit_id, Feed.downstream == unit_id)))
    session.delete(unit)
    flush(session)


def keep_reference(session: Session, unit_id: str, reference: Mapping[str, Any] | None, now: datetime) -> None:
    """What the unit is like when healthy, to be sent with each question about it. 404 where there is no such unit."""
    unit = known(session, unit_id)
    unit.reference = None if reference is None else dict(reference)
    unit.reference_at = now if reference is not None else None


def flush(session: Session) -> None:
    """Tells the database; 409 that passes where another caller did the same meanwhile."""
    try:
        session.flush()
    except IntegrityError:
        raise Meanwhile("unit-changed", "Somebody else changed units at the same moment.") from None


def series_taken(series: str, place: Place) -> Problem:
    """409: readings of one id cannot belong to two points."""
    detail = (
        f"The time series {series} is the {place.point} of the unit {place.unit_id} already. "
        "Take it from there first, or use another id."
    )
    return Problem(409, "series-taken", detail)


def _touch(unit: Unit, by: Identity, now: datetime) -> None:
    unit.changed_at, unit.changed_by, unit.changed_by_name = now, by.id, by.name


def _check_series(session: Session, wanted: Declared) -> None:
    series = [series for series, _ in wanted.points.values() if series is not None]
    if twice := {one for one in series if series.count(one) > 1}:
        detail = f"The time series {min(twice)} is given to two points. Give each point a series of its own."
        raise Problem(422, "series-twice", detail)
    taken = select(UnitPoint).where(UnitPoint.series_id.in_(series), UnitPoint.unit_id != wanted.id)
    if (other := session.scalars(taken.limit(1)).first()) is not None:
        raise series_taken(str(other.series_id), Place(other.unit_id, other.point, other.uom))


def _check_feeders(session: Session, wanted: Declared) -> None:
    there = set(session.scalars(select(Unit.id).where(Unit.id.in_(wanted.fed_by))))
    if wanted.id in wanted.fed_by or (strange := wanted.fed_by - there):
        which = wanted.id if wanted.id in wanted.fed_by else min(strange)
        detail = f"{which} cannot feed {wanted.id}. Name other units that are declared already."
        raise Problem(422, "feeder-unknown", detail)
