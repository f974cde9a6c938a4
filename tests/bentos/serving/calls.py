"""A coroutine in place of the thread in which a model computes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bentos.serving.isolation import Outcome, Predict


def told(predict: Callable[[Sequence[Any]], Awaitable[Any]]) -> Predict[Any, Any]:
    """``predict``, as a batcher calls its worker."""
    tasks = set[asyncio.Task[None]]()

    async def work(rows: Sequence[Any], done: Callable[[Outcome[Any]], None]) -> None:
        try:
            outcome = await predict(rows)
        except BaseException as failure:
            outcome = failure
        done(outcome)

    def call(rows: Sequence[Any], done: Callable[[Outcome[Any]], None]) -> None:
        tasks.add(asyncio.ensure_future(work(rows, done)))

    return call
