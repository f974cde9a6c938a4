"""The servers of the drill: gateways on one SQLite file, or gateways and workers on PostgreSQL and Redis' protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from loadtests.databases import postgresql
from loadtests.servers import Running, Starter

EMBEDDED, SERVERS = "embedded", "servers"
GATEWAYS, WORKERS = 2, 2
LIMITLESS = {"FOREWATT_RATE_LIMIT": "off"}  # the callers are few accounts, and order for many


@dataclass(frozen=True)
class Stage:
    """What may be killed, which of it answers callers, and where the rows are."""

    members: list[Running]
    gateways: list[Running]
    database: str


@contextmanager
def embedded(folder: Path) -> Iterator[Stage]:
    """Gateways, each with a worker beside it, on one SQLite file."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        knobs = {"FOREWATT_INFERENCE_URL": start.inference().url, **LIMITLESS}
        gateways = [start.gateway(**knobs) for _ in range(GATEWAYS + 1)]
        yield Stage(gateways, gateways, f"sqlite:///{folder / 'data' / 'forewatt.db'}")


@contextmanager
def servers(folder: Path) -> Iterator[Stage]:
    """Gateways, and workers of their own, which meet in PostgreSQL and in a Valkey alone."""
    with ExitStack() as stack:
        database = stack.enter_context(postgresql())
        url = stack.enter_context(database.database())
        start = Starter(folder, stack)
        knobs = {
            "CELERY_BROKER_URL": start.broker(),
            "FOREWATT_DATABASE_URL": url,
            "FOREWATT_INFERENCE_URL": start.inference().url,
            **LIMITLESS,
        }
        gateways = [start.gateway(**knobs) for _ in range(GATEWAYS)]
        workers = [start.worker(**knobs) for _ in range(WORKERS)]
        yield Stage([*gateways, *workers], gateways, database.at.format(make_url(url).database))
