"""Readings that stop, and predictions that stop, become alerts; they end when something is heard again."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import select, update
from watched import declare, last_days, send

from gateway import store
from gateway.alerts.tables import AlertRow
from gateway.faults import silences
from gateway.faults.tables import Watch
from gateway.telemetry.tables import Heard


def standing(database) -> list[tuple[str, str, bool]]:
    """Unit, what is not heard, and whether it is so still."""
    with store.transaction(database) as session:
        rows = session.scalars(select(AlertRow).order_by(AlertRow.unit_id)).all()
    return [(row.unit_id, row.fault, row.holds) for row in rows]


@pytest.fixture
def database(plant):
    database, _ = plant
    declare(database, "ahu-1", 60)
    send(database, "ahu-1", last_days(1).iloc[-2:])
    return database


def silent_for(database, span: timedelta) -> None:
    with store.transaction(database) as session:
        session.execute(update(Heard).values(at=datetime.now(UTC) - span))


def test_a_unit_of_a_minute_is_missed_after_a_minute_and_a_half(plant, database):
    silent_for(database, timedelta(seconds=80))
    silences.listen(*plant)
    assert standing(database) == []
    silent_for(database, timedelta(seconds=100))
    silences.listen(*plant)
    silences.listen(*plant)
    assert standing(database) == [("ahu-1", "readings", True)]
    silent_for(database, timedelta(0))
    silences.listen(*plant)
    assert standing(database) == [("ahu-1", "readings", False)]


def test_a_unit_that_has_never_sent_anything_is_not_missed(plant, database):
    declare(database, "ahu-2", 60)
    silences.listen(*plant)
    assert standing(database) == []


def test_a_prediction_that_is_due_and_not_made_is_missed_too(plant, database):
    now = datetime.now(UTC)
    first = pd.Timestamp(now).floor("D") - pd.Timedelta("2D")
    watch = Watch(unit_id="ahu-1", done_until=first, attempt=1, free_at=now, moved_at=now, skipped=0)
    with store.transaction(database) as session:
        session.add(watch)
    silences.listen(*plant)
    assert standing(database) == []  # somebody may be at it
    with store.transaction(database) as session:
        session.execute(update(Watch).values(moved_at=now - timedelta(minutes=2)))
    silences.listen(*plant)
    assert standing(database) == [("ahu-1", "predictions", True)]
