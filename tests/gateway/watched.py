"""Units as somebody declares them, and their readings as they are sent; for tests of what is made of them."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pandas as pd
from sqlalchemy import Engine

sys.path.append(str(Path(__file__).parents[1] / "bentos" / "fault"))
from air_handler import asked, healthy

from bentos.fault.model import reference_answer
from bentos.fault.points import NAMES
from gateway import store
from gateway.equipment import units
from gateway.equipment.measures import allowed
from gateway.equipment.units import Declared
from gateway.rights import Identity
from gateway.telemetry import arrivals
from gateway.telemetry.records import Record

ENGINEER = Identity(UUID(int=7), "ada", "engineer", "token")
MONTH = healthy(24, "2026-04-06")


def declare(database: Engine, unit_id: str, interval_s: int, names: list[str] = NAMES) -> None:
    points = {name: (None, allowed(name)[0]) for name in names}
    wanted = Declared(unit_id, unit_id, "AHU", None, None, interval_s, points, frozenset())
    with store.transaction(database) as session:
        units.declare(session, wanted, ENGINEER, datetime.now(UTC))


def send(database: Engine, unit_id: str, readings: pd.DataFrame) -> None:
    records = [
        Record(line, at.to_pydatetime(), float(value), unit_id, str(name))
        for line, (at, row) in enumerate(readings.iterrows(), 1)
        for name, value in row.items()
    ]
    arrivals.take(database, records, datetime.now(UTC))


def last_days(days: int) -> pd.DataFrame:
    """Healthy quarter-hours, the last of them at the begin of yesterday."""
    part = MONTH.iloc[-days * 96 :]
    moved = pd.Timestamp(datetime.now(UTC)).floor("D") - pd.Timedelta("1D") - part.index[-1]
    return part.set_axis(part.index + moved)


def reference() -> dict[str, object]:
    """What the unit is like when healthy."""
    made = json.loads(reference_answer(json.dumps(asked(MONTH.iloc[: 21 * 96])).encode()))
    return made["reference"]
