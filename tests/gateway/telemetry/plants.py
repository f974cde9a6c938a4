"""Units for tests of their readings, without the routes that declare them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bentos.fault.points import CONVERSIONS, POINTS
from gateway.equipment.tables import Unit, UnitPoint
from gateway.telemetry.records import Record

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ZONE = "zone_temperature"


def declare(database: Engine, *units: str, points: Iterable[str] = POINTS, **uoms: str) -> None:
    """Units with these points; the series of each is unit/point."""
    with Session(database) as session, session.begin():
        for unit in units:
            by = {"changed_by": UUID(int=0), "changed_by_name": "test"}
            session.add(Unit(id=unit, name=unit, kind="AHU", created_at=NOW, changed_at=NOW, **by))
            session.flush()
            for point in points:
                uom = uoms.get(point) or next(iter(CONVERSIONS[POINTS[point].quantity]))
                session.add(UnitPoint(unit_id=unit, point=point, series_id=f"{unit}/{point}", uom=uom))


def record(at: datetime, value: float | None = 21.0, line: int = 1, **said: str) -> Record:
    """Of the zone of the unit u1, if nothing else is said."""
    named = {"unit_id": "u1", "point": ZONE} if "series" not in said else {}
    return Record(line, at, value, **{**named, **said})
