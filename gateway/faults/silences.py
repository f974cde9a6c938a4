"""A round of listening: units of which nothing is heard any more, and those that nobody predicts though it is time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from gateway import store
from gateway.alerts import states
from gateway.equipment.tables import Unit
from gateway.faults import watches
from gateway.faults.slots import Slots
from gateway.faults.tables import Watch
from gateway.settings import Settings
from gateway.telemetry import readings

LATE = timedelta(seconds=30)  # beyond the interval in which something should have come
STUCK = timedelta(seconds=90)  # that a due prediction may take


def listen(database: Engine, settings: Settings) -> None:
    """One round."""
    now, catch_up = datetime.now(UTC), timedelta(days=settings.catch_up_days)
    with store.transaction(database) as session:
        _readings(session, now)
        _predictions(session, now, catch_up)


def _readings(session: Session, now: datetime) -> None:
    heard = readings.heard(session)
    for unit_id, interval_s in session.execute(select(Unit.id, Unit.interval_s)).all():
        if (last := heard.get(unit_id)) is None:
            continue  # not in operation yet
        if now > last + timedelta(seconds=interval_s) + LATE:
            states.silence(session, unit_id, last, now)
        else:
            states.heard(session, unit_id, now)


def _predictions(session: Session, now: datetime, catch_up: timedelta) -> None:
    for unit, watch, found in watches.due(session, now, catch_up):
        if stuck(watch, found, now):
            states.silence(session, unit.id, watch.moved_at, now, "predictions")
        else:
            states.heard(session, unit.id, now, "predictions")


def stuck(watch: Watch, found: Slots, now: datetime) -> bool:
    """Whether a slot is due for so long, and none was done meanwhile."""
    return bool(found.due) and now - max(watch.moved_at, found.due[0]) > STUCK
