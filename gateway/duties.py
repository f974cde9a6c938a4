"""What every worker looks after from time to time: predictions, silences, timers of alerts, notices, what is old."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from gateway import store
from gateway.alerts import states
from gateway.channels import outbox, receipts
from gateway.faults import predicting, silences
from gateway.rounds import Round
from gateway.settings import Settings
from gateway.telemetry import retention


def _alerts(database: Engine, _: Settings) -> None:
    now = datetime.now(UTC)
    with store.transaction(database) as session:
        states.tick(session, now)


def _notices(database: Engine, settings: Settings) -> None:
    outbox.deliver(database, settings, datetime.now(UTC))


def _old_readings(database: Engine, settings: Settings) -> None:
    retention.sweep(database, settings, datetime.now(UTC))


def _old_notices(database: Engine, settings: Settings) -> None:
    now = datetime.now(UTC)
    outbox.tidy(database, now)
    receipts.tidy(settings.data, now)


DUTIES = {
    "predictions": Round(0.5, predicting.predict),
    "silences": Round(5.0, silences.listen),
    "alerts": Round(0.5, _alerts),
    "notices": Round(0.5, _notices),
    "old readings": Round(600.0, _old_readings),
    "old notices": Round(600.0, _old_notices),
}
