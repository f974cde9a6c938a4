"""Models kept at hand: each is opened when it is first asked for, and the one asked for longest ago makes room."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from bentos.serving.contract import Shed

Key = TypeVar("Key", bound=Hashable)
Model = TypeVar("Model")

KEPT = 64
RETRY_AFTER_S = 1.0  # opening goes on meanwhile


class Shelf(Generic[Key, Model]):
    """At most ``most`` models by key; ``open`` blocks, in a thread of its own, and raises for what cannot be opened."""

    def __init__(self, open: Callable[[Key], Model], most: int = KEPT) -> None:  # noqa: A002 - what it does
        self._open, self._most, self._loop = open, most, asyncio.get_running_loop()
        self._kept: OrderedDict[Key, asyncio.Future[Model]] = OrderedDict()  # opened or being opened
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self._opening = 0

    async def take(self, key: Key, deadline: float) -> Model:
        """The model, for as many callers as ask while it is opened. Raises ``Shed``, and what ``open`` raises."""
        opened = self._kept.get(key) or self._begin(key)
        self._kept.move_to_end(key)
        if not opened.done():
            # Not awaited itself: a caller who hangs up must not end it for the others.
            await asyncio.wait([opened], timeout=max(deadline - time.monotonic(), 0.0))
        if not opened.done():
            raise Shed("deadline", RETRY_AFTER_S)
        return opened.result()

    def _begin(self, key: Key) -> asyncio.Future[Model]:
        if self._opening >= self._most:
            raise Shed("queue_full", RETRY_AFTER_S)
        self._opening += 1
        opened = self._loop.run_in_executor(self._opener, self._open, key)
        opened.add_done_callback(lambda ended: self._ended(key, ended))
        self._kept[key] = opened
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return opened

    def _ended(self, key: Key, opened: asyncio.Future[Model]) -> None:
        self._opening -= 1
        failed = opened.cancelled() or opened.exception() is not None
        if failed and self._kept.get(key) is opened:
            del self._kept[key]
