"""Models that are opened when they are asked for, in a thread that the test holds by a gate."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from bentos.serving.contract import Shed
from bentos.serving.shelf import Shelf


class Store:
    """Opens a key as itself in upper case, once its gate is open; some are broken until they are mended."""

    def __init__(self) -> None:
        self.gate, self.opened, self.broken, self.threads = threading.Event(), [], set(), set()
        self.gate.set()

    def __call__(self, key: str) -> str:
        self.opened.append(key)
        self.threads.add(threading.current_thread())
        assert self.gate.wait(30)
        if key in self.broken:
            raise LookupError(key)
        return key.upper()


def soon(seconds: float = 30.0) -> float:
    return time.monotonic() + seconds


async def begun(store: Store, count: int) -> None:
    """Until so many have been begun."""
    async with asyncio.timeout(30):
        while len(store.opened) < count:
            await asyncio.sleep(0.001)


async def test_a_model_is_opened_once_and_kept():
    store = Store()
    shelf = Shelf(store)
    assert [await shelf.take("a", soon()) for _ in range(3)] == ["A"] * 3
    assert store.opened == ["a"]
    assert threading.current_thread() not in store.threads


async def test_all_who_ask_while_it_is_opened_wait_for_the_one_opening():
    store = Store()
    store.gate.clear()
    shelf = Shelf(store)
    waiting = [asyncio.create_task(shelf.take("a", soon())) for _ in range(5)]
    await begun(store, 1)
    waiting[0].cancel()  # who hangs up ends it for nobody else
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(*waiting[1:]) == ["A"] * 4
    assert store.opened == ["a"]


async def test_the_loop_and_the_models_that_are_kept_go_on_while_another_is_opened():
    store = Store()
    shelf = Shelf(store)
    await shelf.take("a", soon())
    store.gate.clear()
    waiting = asyncio.create_task(shelf.take("b", soon()))
    await begun(store, 2)
    assert await shelf.take("a", soon()) == "A"
    assert not waiting.done()
    store.gate.set()
    assert await waiting == "B"


async def test_whoever_cannot_wait_so_long_is_told_and_the_opening_goes_on():
    store = Store()
    store.gate.clear()
    shelf = Shelf(store)
    with pytest.raises(Shed) as late:
        await shelf.take("a", soon(0.01))
    assert late.value.reason == "deadline"
    assert late.value.retry_after_s > 0
    store.gate.set()
    assert await shelf.take("a", soon()) == "A"
    assert store.opened == ["a"]


async def test_what_cannot_be_opened_says_why_to_all_and_is_tried_again_when_it_is_asked_again():
    store = Store()
    store.broken.add("a")
    store.gate.clear()
    shelf = Shelf(store)
    waiting = [asyncio.create_task(shelf.take("a", soon())) for _ in range(3)]
    await begun(store, 1)
    store.gate.set()
    assert [type(said) for said in await asyncio.gather(*waiting, return_exceptions=True)] == [LookupError] * 3
    store.broken.clear()
    assert await shelf.take("a", soon()) == "A"
    assert store.opened == ["a", "a"]


async def test_the_one_asked_for_longest_ago_makes_room():
    store = Store()
    shelf = Shelf(store, most=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        await shelf.take(key, soon())
    assert store.opened == ["a", "b", "c", "b"]


async def test_no_more_are_opened_at_once_than_may_be_kept():
    store = Store()
    store.gate.clear()
    shelf = Shelf(store, most=2)
    waiting = [asyncio.create_task(shelf.take(key, soon())) for key in "ab"]
    await begun(store, 1)
    with pytest.raises(Shed, match="queue_full"):
        await shelf.take("c", soon())
    store.gate.set()
    assert await asyncio.gather(*waiting) == ["A", "B"]
    assert await shelf.take("c", soon()) == "C"
