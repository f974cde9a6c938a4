"""The servers of the drill: gateways on one SQLite file, or gateways and workers on PostgreSQL and Redis' protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.servers import Running, Starter

EMBEDDED, SERVERS = "embedded", "servers"


@dataclass(frozen=True)
class Stage:
    """What may be killed, which of it answers callers, and where the rows are."""

    members: list[Running]
    gateways: list[Running]
    database: str


@contextmanager
def embedded(folder: Path) -> Iterator[Stage]:
    """Three gateways, each with its own workers inside, on one SQLite file."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        inference = start.inference()
        gateways = [start.gateway(FOREWATT_INFERENCE_URL=inference.url) for _ in range(3)]
        yield Stage(gateways, gateways, f"sqlite:///{folder / 'data' / 'forewatt.db'}")
