"""A model's units become ours: what is new is added, what is said otherwise is changed, what is not said stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.equipment import units
from gateway.equipment.report import FoundUnit
from gateway.equipment.tables import Feed, Unit, UnitPoint
from gateway.equipment.units import Place
from gateway.rights import Identity

Points = dict[str, tuple[str | None, str]]  # time-series id and unit of measure by point


def adopt(session: Session, found: Sequence[FoundUnit], by: Identity, now: datetime) -> None:
    """Notes in each of them what it changed. 409 where a time series is another unit's."""
    numbers = [unit.id for unit in found]
    known = {unit.id: unit for unit in session.scalars(select(Unit).where(Unit.id.in_(numbers)))}
    points = _points(session, numbers)
    feeds = {
        (feed.upstream, feed.downstream) for feed in session.scalars(select(Feed).where(Feed.downstream.in_(numbers)))
    }
    merged = {unit.id: _merged(points[unit.id], unit) for unit in found}
    _check_series(session, merged)
    changed = []
    for unit in found:
        new_feeds = {(above, unit.id) for above in unit.fed_by} - feeds
        before = known.get(unit.id)
        same = before is not None and (before.name, before.kind, before.place) == (unit.name, unit.kind, unit.place)
        same = same and merged[unit.id] == points[unit.id] and not new_feeds
        unit.change = "new" if before is None else "same" if same else "changed"
        if unit.change != "same":
            session.add(_row(before, unit, by, now))
            changed.append(unit.id)
    units.flush(session)
    session.execute(delete(UnitPoint).where(UnitPoint.unit_id.in_(changed)))
    for number in changed:
        session.add_all(UnitPoint(unit_id=number, point=p, series_id=s, uom=u) for p, (s, u) in merged[number].items())
    wanted_feeds = {(above, unit.id) for unit in found for above in unit.fed_by}
    session.add_all(Feed(upstream=above, downstream=below) for above, below in sorted(wanted_feeds - feeds))
    units.flush(session)


def _points(session: Session, numbers: Sequence[str]) -> dict[str, Points]:
    found: dict[str, Points] = {number: {} for number in numbers}
    for row in session.scalars(select(UnitPoint).where(UnitPoint.unit_id.in_(numbers))):
        found[row.unit_id][row.point] = row.series_id, row.uom
    return found


def _merged(before: Points, unit: FoundUnit) -> Points:
    """What the model does not say of a point stays as somebody has declared it."""
    merged = dict(before)
    for point in unit.points:
        series, uom = before.get(point.point, (None, point.unit))
        merged[point.point] = point.series_id or series, uom if point.unit_assumed else point.unit
    return merged


def _row(before: Unit | None, unit: FoundUnit, by: Identity, now: datetime) -> Unit:
    row = before or Unit(id=unit.id, created_at=now)
    row.name, row.kind, row.place = unit.name, unit.kind, unit.place
    row.changed_at, row.changed_by, row.changed_by_name = now, by.id, by.name
    return row


def _check_series(session: Session, merged: dict[str, Points]) -> None:
    """Each is one point's, of those that are told of now and of all others."""
    taken = {series: place for series, place in units.places(session).items() if place.unit_id not in merged}
    for number, points in merged.items():
        for point, (series, uom) in points.items():
            if series is not None and series in taken:
                raise units.series_taken(series, taken[series])
            taken[series or ""] = Place(number, point, uom)
