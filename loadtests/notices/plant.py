"""A database with channels, findings that are alerts at once, and the real worker that tells people of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine

from gateway import store
from gateway.alerts import states, versions
from gateway.alerts.findings import Finding
from gateway.alerts.rules import Policy
from gateway.alerts.versions import Change
from gateway.channels.tables import Channel
from gateway.rights import Identity
from loadtests.notices.sinks import HOST
from loadtests.servers import Running, Starter

DRILL = Identity(UUID(int=0), "drill", "admin", "token")
CHANCES = {1: 0.5, 6: 0.6, 24: 0.7, 72: 0.8, 168: 0.9, 336: 0.95}


def opened(start: Starter) -> Engine:
    """The database that the worker will have."""
    database = store.connect(f"sqlite:///{start.folder / 'data' / 'forewatt.db'}")
    store.migrate(database)
    return database


def worker(start: Starter) -> Running:
    """One that is ready; its rounds come from the beat of its own."""
    running = start.worker(CELERY_BROKER_URL=start.broker(), FOREWATT_METRICS_PORT="0")
    running.wait_until_ready()
    return running


def channel(name: str, kind: str, target: dict[str, Any], chain: str = "main", place: int = 0) -> Channel:
    """For all that is told; the row is not kept yet."""
    now = datetime.now(UTC)
    return Channel(
        id=uuid4(), name=name, kind=kind, target=target, language="both", timezone="UTC", from_level=1, from_step=0,
        chain=chain, place=place, most_a_day=None, enabled=True, created_at=now, changed_at=now, rests_until=None,
    )  # fmt: skip


def mail(port: int) -> dict[str, Any]:
    """The target of a mail channel on this machine."""
    sender = {"sender": "forewatt@example.org", "recipients": ["shift@example.org"]}
    return {"host": HOST, "port": port, "security": "none"} | sender


def critical(unit: str) -> Finding:
    """Urgent beyond any delay."""
    action = {"en": "Check the fan.", "zh": "检查风机。"}
    now = datetime.now(UTC)
    return Finding(unit, now, 4, "F-FAN-FAIL", CHANCES, 1.0, now, ("CMD-1: The fan does not turn.",), action, "drill")


def observed(database: Engine, units: list[str]) -> None:
    """All in one transaction, as predictions that are kept are."""
    with store.transaction(database) as session:
        for unit in units:
            states.observe(session, critical(unit), datetime.now(UTC))


def one_by_one(database: Engine) -> None:
    """What is measured is the way of each, and no flood."""
    with store.transaction(database) as session:
        versions.set_policy(session, Policy(singles=100), Change(DRILL, datetime.now(UTC)))
