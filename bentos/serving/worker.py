"""The thread in which a model computes: one, so that calls keep their order and do not fight for the interpreter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from bentos.serving.cost import Cost, measure_cost
from bentos.serving.isolation import Outcome

Row = TypeVar("Row")
Result = TypeVar("Result")


class Worker(Generic[Row, Result]):
    """``compute`` in its own thread, one call after another; ``done`` is told in the event loop what came of a call.

    That takes one turn of the loop. A future, and a task that waits for it, would take one more each, and under
    overload a turn is many milliseconds.
    """

    def __init__(self, compute: Callable[[Sequence[Row]], Sequence[Result]], name: str) -> None:
        self._compute, self._loop = compute, asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._thread.submit(int)  # starts it now, where it is seen if there can be none

    def __call__(self, rows: Sequence[Row], done: Callable[[Outcome[Result]], None]) -> None:
        self._thread.submit(self._work, rows, done)

    async def cost(self, rows: Sequence[Row], most: int) -> Cost:
        """What a batch costs in the thread, the way there and back aside."""
        return await self._loop.run_in_executor(self._thread, measure_cost, self._compute, rows, most)

    def _work(self, rows: Sequence[Row], done: Callable[[Outcome[Result]], None]) -> None:
        outcome: Outcome[Result]
        try:
            outcome = self._compute(rows)
        except BaseException as failure:
            outcome = failure
        self._loop.call_soon_threadsafe(done, outcome)
