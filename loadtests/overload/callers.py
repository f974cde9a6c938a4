"""The overload server while it runs, and how its callers ask: numbers that tell one row from another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from loadtests.open_loop import Target
from loadtests.overload.model import MOST_ROWS
from loadtests.peers.environments import programs
from loadtests.peers.measure import wait_for_answer
from loadtests.peers.processes import Server, serving
from loadtests.peers.roster import BENTOML, Peer

OVERLOAD = Peer(
    "overload",
    (*BENTOML, "server:Overload"),
    "our inference server before the overload model",
    path="/v2/models/overload/infer",
    ours=True,
    place=Path(__file__).parents[1],
)


@dataclass(frozen=True)
class Batch:
    """One that the model computed; seconds of the monotonic clock."""

    began: float
    ended: float
    rows: tuple[float, ...]


@contextmanager
def overload(batch_rows: int = MOST_ROWS) -> Iterator[Server]:
    """The server with batches of at most so many rows."""
    workplace = data() / "overload"
    workplace.mkdir(parents=True, exist_ok=True)
    environment = {"OVERLOAD_JOURNAL": str(_journal()), "FOREWATT_BATCH_ROWS": str(batch_rows)}
    with serving(
        replace(OVERLOAD, environment=environment), programs(OVERLOAD, workplace), Path(), workplace
    ) as server:
        wait_for_answer(server.url, question(0))
        yield server


def data() -> Path:
    """Where servers may write, and where the forest is kept."""
    return Path(os.environ.get("FOREWATT_DATA", ".forewatt")).resolve() / "peers"


def _journal() -> Path:
    return data() / "overload" / "batches.txt"


def batches() -> list[Batch]:
    """All batches since the server started, its own at start-up among them."""
    lines = [[float(word) for word in line.split()] for line in _journal().read_text().splitlines()]
    return [Batch(began, ended, tuple(rows)) for began, ended, *rows in lines]


def callers(server: Server, count: int = 1, deadline_ms: float = 500.0) -> Target:
    """Callers that ask the numbers from 1 to ``count`` in turn."""
    return Target(server.url, [question(number) for number in range(1, count + 1)], deadline_ms)


def question(number: float) -> bytes:
    """One row."""
    tensor = {"name": "features", "shape": [1, 1], "datatype": "FP64", "data": [float(number)]}
    return json.dumps({"inputs": [tensor]}).encode()
