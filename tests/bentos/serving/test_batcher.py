"""The batcher on a virtual clock: 20 ms a batch and 1 ms a row, as exact as arithmetic."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from calls import told

from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits, Served, Shed
from bentos.serving.cost import Cost
from bentos.serving.isolation import RowError

COST = Cost((0.0, *(0.020 + 0.001 * rows for rows in range(1, 257))))
EXACT = Limits(safety=0.0, safety_s=0.0)


def make(model: Any, cost: Cost = COST, limits: Limits | None = None) -> Batcher[int, int]:
    """A batcher on the clock of the virtual loop."""
    return Batcher(told(model), cost, limits, clock=asyncio.get_running_loop().time)


class Model:
    """Answers ten times a row, one batch after another, at the stated cost; fails on rows that are poison."""

    def __init__(self, poison: frozenset[int] = frozenset()) -> None:
        self.batches: list[list[int]] = []
        self.poison, self.worker = poison, asyncio.Lock()

    async def __call__(self, rows: Sequence[int]) -> list[int]:
        async with self.worker:
            self.batches.append(list(rows))
            await asyncio.sleep(COST.of(len(rows)))
        if self.poison & set(rows):
            raise ZeroDivisionError("poison")
        return [10 * row for row in rows]


async def ask(batcher: Batcher[int, int], rows: list[int], within: float = 10.0, after: float = 0.0) -> Any:
    """What a caller gets, and when: results or the refusal."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(after)
    started = loop.time()
    try:
        served: Served[int] | Shed = await batcher.submit(rows, started + within)
    except Shed as shed:
        served = shed
    return served, loop.time() - started


def test_a_lone_row_is_computed_at_once(virtually):
    async def story():
        served, seconds = await ask(make(Model(), COST), [7])
        assert served.results == [70]
        assert (served.queued_s, served.batch_rows) == (0.0, 1)
        assert seconds == pytest.approx(0.021)

    virtually(story())


def test_rows_that_arrive_while_a_batch_runs_form_the_next_one(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST)
        answers = await asyncio.gather(ask(batcher, [0]), *(ask(batcher, [n], after=0.005) for n in range(1, 6)))
        assert [sorted(batch) for batch in model.batches] == [[0], [1, 2, 3, 4, 5]]
        assert [served.results for served, _ in answers] == [[10 * n] for n in range(6)]
        assert answers[1][0].queued_s == pytest.approx(0.016)

    virtually(story())


def test_a_batch_never_holds_more_rows_than_it_may(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST, Limits(batch_rows=8))
        await asyncio.gather(*(ask(batcher, [n, n]) for n in range(10)))
        assert max(map(len, model.batches)) == 8
        assert sum(map(len, model.batches)) == 20

    virtually(story())


def test_a_whole_batch_that_waits_is_handed_over_before_the_running_one_ends(virtually):
    handed_over: list[float] = []

    async def story():
        model, loop = Model(), asyncio.get_running_loop()

        async def predict(rows: Sequence[int]) -> list[int]:
            handed_over.append(loop.time())
            return await model(rows)

        answers = await asyncio.gather(*(ask(batcher, [n]) for batcher in [make(predict)] for n in range(200)))
        assert [len(batch) for batch in model.batches] == [64, 64, 64, 8]
        assert handed_over == pytest.approx([0.0, 0.0, 0.084, 0.252])
        waits = sorted({round(served.queued_s, 3) for served, _ in answers})
        assert waits == [0.0, 0.084, 0.168, 0.252]

    virtually(story())


def test_the_most_urgent_goes_first(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST, Limits(batch_rows=1))
        await asyncio.gather(ask(batcher, [1], 9.0), ask(batcher, [2], 1.0), ask(batcher, [3], 5.0))
        assert model.batches == [[2], [3], [1]]

    virtually(story())


def test_a_deadline_that_cannot_be_kept_is_refused_at_once_and_says_when_to_come_back(virtually):
    async def story():
        batcher = make(Model(), COST, EXACT)
        running = asyncio.create_task(ask(batcher, [1]))
        await asyncio.sleep(0.001)
        shed, seconds = await ask(batcher, [2], within=0.030)
        assert (shed.reason, seconds) == ("deadline", 0.0)
        assert shed.retry_after_s == pytest.approx(0.020 + 0.041 - 0.030)  # twenty more are expected to join him
        served, _ = await ask(batcher, [2], within=0.07)
        assert served.results == [20]
        await running

    virtually(story())


def test_every_admitted_request_of_a_burst_is_in_time(virtually):
    async def story():
        answers = await asyncio.gather(
            *(ask(batcher, [n], within=0.5) for batcher in [make(Model(), COST)] for n in range(800))
        )
        served = [seconds for answer, seconds in answers if isinstance(answer, Served)]
        # Five full batches of 84 ms; so dense a crowd would fill a sixth, which would be too late.
        assert len(served) == 5 * 64
        assert max(served) <= 0.5
        assert all(seconds == 0 for answer, seconds in answers if isinstance(answer, Shed))

    virtually(story())


@pytest.mark.parametrize("times", [2, 10])
def test_overload_does_not_lower_what_is_answered_in_time(virtually, times):
    async def story():
        batcher = make(Model(), COST)
        capacity = 64 / COST.of(64)
        gap = 1 / (times * capacity)
        answers = await asyncio.gather(
            *(ask(batcher, [n], 0.5, after=n * gap) for n in range(int(5 * times * capacity)))
        )
        good = sum(isinstance(answer, Served) and seconds <= 0.5 for answer, seconds in answers)
        assert good >= 0.95 * 5 * capacity
        assert batcher.idle

    virtually(story())


def test_what_became_late_while_it_waited_is_shed_before_it_is_computed(virtually):
    async def slow(rows: Sequence[int]) -> list[int]:
        batches.append(list(rows))
        await asyncio.sleep(0.5)  # the cost says 21 ms
        return list(rows)

    batches: list[list[int]] = []

    async def story():
        batcher = make(slow, COST)
        first, second = await asyncio.gather(ask(batcher, [1]), ask(batcher, [2], within=0.1, after=0.001))
        assert first[0].results == [1]
        assert second[0].reason == "deadline"
        assert batches == [[1]]

    virtually(story())


def test_an_urgent_row_gets_a_smaller_batch_where_the_others_can_wait(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST, EXACT)
        first = asyncio.create_task(ask(batcher, [0]))
        others = [asyncio.create_task(ask(batcher, [n] * 20, after=0.001)) for n in range(3)]
        served, seconds = await ask(batcher, [9], within=0.059, after=0.002)
        assert served.results == [90]
        assert seconds == pytest.approx(0.019 + 0.021)
        await first
        assert all(isinstance(answer, Served) for answer, _ in await asyncio.gather(*others))

    virtually(story())


def test_one_poison_row_among_64_fails_alone(virtually):
    async def story():
        batcher = make(Model(poison=frozenset({13})), COST)
        answers = await asyncio.gather(*(ask(batcher, [n]) for n in range(64)))
        for n, (served, _) in enumerate(answers):
            if n == 13:
                assert isinstance(served.results[0], RowError)
                assert "ZeroDivisionError: poison" in str(served.results[0])
            else:
                assert served.results == [10 * n]

    virtually(story())


def test_a_model_that_answers_too_few_rows_never_shifts_answers_to_neighbours(virtually):
    async def forgetful(rows: Sequence[int]) -> list[int]:
        return [10 * row for row in rows if row != 3]

    async def story():
        batcher = make(forgetful, COST)
        answers = await asyncio.gather(*(ask(batcher, [n]) for n in range(8)))
        wrong = [n for n, (served, _) in enumerate(answers) if served.results != [10 * n]]
        assert wrong == [3]

    virtually(story())


class UnspeakableError(Exception):
    def __str__(self):
        raise TypeError


@pytest.mark.parametrize("failure", [UnspeakableError(), SystemExit(3)])
@pytest.mark.parametrize("place", [0, 3])
def test_whatever_a_row_raises_it_fails_alone_and_the_next_is_answered(virtually, failure, place):
    class Odd(Model):
        async def __call__(self, rows):
            if -1 in rows:
                raise failure
            return await super().__call__(rows)

    async def story():
        batcher = make(Odd(), COST)
        rows = [1, 2, 3, 4]
        rows[place] = -1
        served, _ = await ask(batcher, rows)
        assert [isinstance(one, RowError) for one in served.results] == [row == -1 for row in rows]
        assert type(failure).__name__ in str(served.results[place])
        again, _ = await ask(batcher, [5])
        assert again.results == [50]

    virtually(story())


def test_a_call_that_cannot_begin_fails_as_one_that_broke(virtually):
    async def story():
        model, broken = Model(), [True, True]

        def call(rows, done):
            if broken and broken.pop():
                raise RuntimeError("can't start new thread")
            told(model)(rows, done)

        batcher: Batcher[int, int] = Batcher(call, COST, clock=asyncio.get_running_loop().time)
        served, _ = await ask(batcher, [1, 2])
        assert [str(result) for result in served.results] == ["RuntimeError: can't start new thread", "20"]
        assert batcher.idle

    virtually(story())


def test_the_search_for_poison_has_a_budget(virtually):
    async def story():
        model = Model(poison=frozenset(range(64)))
        batcher = make(model, COST, Limits(isolation_calls=10))
        await asyncio.gather(*(ask(batcher, [n]) for n in range(64)))
        assert len(model.batches) <= 11 + 11  # the first row went alone

    virtually(story())


def test_a_cancelled_caller_leaves_the_queue_and_its_work_is_not_done(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST)
        first = asyncio.create_task(ask(batcher, [1]))
        gone = asyncio.create_task(ask(batcher, [2], after=0.001))
        await asyncio.sleep(0.002)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await first
        assert model.batches == [[1]]
        assert batcher.idle
        assert batcher.waiting_rows == 0

    virtually(story())


def test_what_may_wait_is_bounded_in_rows_and_in_bytes(virtually):
    async def story():
        for limits, size in ((Limits(queue_rows=10), 0), (Limits(queue_bytes=10), 1)):
            batcher = make(Model(), COST, limits)
            waiting = [asyncio.create_task(batcher.submit([n], 60.0, size)) for n in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(Shed, match="queue_full"):
                await batcher.submit([99], 60.0, size)
            await asyncio.gather(*waiting)

    virtually(story())


def test_lingering_gathers_dense_arrivals_and_never_delays_a_lone_caller(virtually):
    async def story():
        model = Model()
        batcher = make(model, COST)
        for n in range(5):  # one caller who waits for each answer
            _, seconds = await ask(batcher, [n])
            assert seconds == pytest.approx(0.021)
        await asyncio.gather(*(ask(batcher, [n], after=0.002 * n) for n in range(400)))
        dense = model.batches[5:]
        assert sum(map(len, dense)) / len(dense) > 10
        assert batcher.idle

    virtually(story())


def test_no_rows_and_more_rows_than_a_batch_are_refused(virtually):
    async def story():
        batcher = make(Model(), COST)
        for rows in ([], [0] * 65):
            with pytest.raises(ValueError, match="give 1 to 64"):
                await batcher.submit(rows, 1.0)

    virtually(story())
