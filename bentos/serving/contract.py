"""What the batcher promises, and to whom: the words shared with those who ask it and those who watch it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bentos.serving.isolation import RowError

Result = TypeVar("Result")


class Shed(Exception):  # noqa: N818 - no fault of anyone's: a promise that could not be made, or not be kept
    """The rows were not computed. ``reason`` is stable; after ``retry_after_s`` asking again makes sense."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.reason, self.retry_after_s = reason, retry_after_s


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits into a batch, what may wait, and how many calls a failed batch may cost until its bad rows are found.

    ``linger_s`` is the longest that an idle worker waits for company, where the cost says that it pays.
    ``safety`` and ``safety_s`` widen every prediction by what it does not see: parsing, answering, the scheduler;
    where answers come too late all the same, more than ``safety_s``.
    """

    batch_rows: int = 64
    queue_rows: int = 4096
    queue_bytes: int = 64 * 2**20
    isolation_calls: int = 32
    linger_s: float = math.inf
    safety: float = 0.05
    safety_s: float = 0.008


@dataclass(slots=True)
class Served(Generic[Result]):
    """A result or a ``RowError`` for each row, in order, and where the time went."""

    results: list[Result | RowError]
    queued_s: float  # behind other batches
    lingered_s: float  # for company, while the worker was idle
    compute_s: float
    batch_rows: int


class Observer(Protocol):
    """Who counts. Calls must be cheap and must not raise."""

    def waited(self, seconds: float) -> None: ...
    def computed(self, rows: int, seconds: float, calls: int) -> None: ...
    def shed(self, reason: str) -> None: ...


class Unobserved:
    """Nobody counts."""

    def waited(self, seconds: float) -> None: ...
    def computed(self, rows: int, seconds: float, calls: int) -> None: ...
    def shed(self, reason: str) -> None: ...
