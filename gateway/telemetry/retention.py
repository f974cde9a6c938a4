"""What is too old goes: readings after the retention, letters and the marks of events before."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select

from gateway import store
from gateway.settings import Settings
from gateway.telemetry.tables import DeadLetter, Event, Heard, Reading

EVENTS_LAST = timedelta(days=7)  # longer than a broker keeps what it may send again; later the readings' own key tells
LETTERS_LAST = timedelta(days=30)
MOST_LETTERS = 100_000


def sweep(database: Engine, settings: Settings, now: datetime) -> None:
    """A transaction for each unit and table, so that nobody waits long; a second one at the same time does no harm."""
    with store.transaction(database) as session:
        units = session.scalars(select(Heard.unit_id).order_by(Heard.unit_id)).all()
    oldest = now - timedelta(days=settings.retention_days)
    for unit in units:
        with store.transaction(database) as session:
            session.execute(delete(Reading).where(Reading.unit_id == unit, Reading.at < oldest))
    with store.transaction(database) as session:
        session.execute(delete(Event).where(Event.at < now - EVENTS_LAST))
    with store.transaction(database) as session:
        newer = select(DeadLetter.arrived_at).order_by(DeadLetter.arrived_at.desc()).offset(MOST_LETTERS).limit(1)
        first = max(now - LETTERS_LAST, session.scalar(newer) or now - LETTERS_LAST)
        session.execute(delete(DeadLetter).where(DeadLetter.arrived_at < first))
