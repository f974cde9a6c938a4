"""What is declared about the units whose records arrive: their points, and how numbers become those that are stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from bentos.fault.points import CONVERSIONS, POINTS
from gateway.equipment.tables import Unit, UnitPoint
from gateway.telemetry.records import Record, Refused, shown
from gateway.upserts import in_parts

# In which unit of measure each kind of point is stored: the one that needs no conversion.
STORED = {quantity: next(iter(units)) for quantity, units in CONVERSIONS.items()}


class Measured(NamedTuple):
    """A declared point of a unit; ``uom`` is what its numbers come in where a record does not say."""

    unit_id: str
    point: str
    uom: str

    def conversion(self, uom: str | None) -> tuple[float, float] | None:
        """Factor and offset to the stored unit of measure; nothing where it does not fit the point."""
        return CONVERSIONS[POINTS[self.point].quantity].get(uom or self.uom)


class Plant:
    """The units and series that some records name."""

    def __init__(self, session: Session, records: Iterable[Record]) -> None:
        units, series = set(), set()
        for record in records:
            if record.series is not None:
                series.add(record.series)
            elif record.unit_id is not None:
                units.add(record.unit_id)
        self._points: dict[str, dict[str, Measured]] = {}
        self._series: dict[str, Measured] = {}
        self._read(session, sorted(units), sorted(series))

    def _read(self, session: Session, units: list[str], series: list[str]) -> None:
        wanted = select(Unit.id, UnitPoint.point, UnitPoint.uom).outerjoin(UnitPoint, UnitPoint.unit_id == Unit.id)
        for some in in_parts(units):
            for unit, point, uom in session.execute(wanted.where(Unit.id.in_(some))):
                points = self._points.setdefault(unit, {})
                if point in POINTS:
                    points[point] = Measured(unit, point, uom)
        named = select(UnitPoint.series_id, UnitPoint.unit_id, UnitPoint.point, UnitPoint.uom)
        for some in in_parts(series):
            for name, unit, point, uom in session.execute(named.where(UnitPoint.series_id.in_(some))):
                if name is not None and point in POINTS:
                    self._series[name] = Measured(unit, point, uom)

    def find(self, record: Record) -> Measured | Refused:
        """Which point a record is of."""
        if record.series is not None:
            found = self._series.get(record.series)
            return found or _refused(record, "series-unknown", f"No unit has the series {shown(record.series)}.")
        points = self._points.get(record.unit_id or "")
        if points is None:
            return _refused(record, "unit-unknown", f"There is no unit {shown(record.unit_id)}.")
        if (measured := points.get(record.point or "")) is None:
            said = f"The unit {shown(record.unit_id)} has no point {shown(record.point)}."
            return _refused(record, "point-unknown", said)
        return measured


def _refused(record: Record, reason: str, message: str) -> Refused:
    return Refused(record.line, reason, message, record.given())
