"""Whatever becomes of a call in the worker's thread, who asked is told in the event loop."""

import asyncio
import threading

import pytest

from bentos.serving.worker import Worker


async def outcome_of(compute, rows=(1, 2)):
    """What ``done`` is told, and in which thread."""
    told = asyncio.get_running_loop().create_future()
    Worker(compute, "test")(rows, lambda outcome: told.set_result((outcome, threading.current_thread())))
    return await told


def test_rows_are_computed_beside_the_event_loop_and_told_in_it():
    async def story():
        outcome, told_in = await outcome_of(lambda rows: [(10 * row, threading.current_thread()) for row in rows])
        assert [result for result, _ in outcome] == [10, 20]
        assert told_in is threading.current_thread()
        assert threading.current_thread() not in {thread for _, thread in outcome}

    asyncio.run(story())


@pytest.mark.parametrize("failure", [ValueError("a row"), SystemExit(3), KeyboardInterrupt()])
def test_a_failure_is_told_whatever_it_is(failure):
    def fails(_):
        raise failure

    outcome, _ = asyncio.run(outcome_of(fails))
    assert outcome is failure


def test_it_is_told_in_one_turn_of_the_loop():
    async def story():
        told = []
        worker = Worker(lambda rows: rows, "test")
        worker([1], told.append)
        worker._thread.submit(int).result()  # the loop stands meanwhile, and the call is over
        await asyncio.sleep(0)
        assert told == [[1]]

    asyncio.run(story())


def test_calls_keep_their_order():
    async def story():
        order, all_told = [], asyncio.Event()
        worker = Worker(lambda rows: rows, "test")
        for n in range(100):
            worker([n], order.extend)
        worker([], lambda _: all_told.set())
        await all_told.wait()
        assert order == list(range(100))

    asyncio.run(story())
