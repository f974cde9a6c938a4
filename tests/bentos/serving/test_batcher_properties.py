"""Whatever mix of callers comes: each is answered once, by his own rows, within the bounds, and nothing stops it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from calls import told

from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits, Served, Shed
from bentos.serving.cost import Cost
from bentos.serving.isolation import RowError

LIMITS = Limits(batch_rows=8, queue_rows=30, queue_bytes=1000, isolation_calls=200)
COST = Cost((0.0, *(0.02 + 0.001 * rows for rows in range(1, 65))))


@dataclass(frozen=True)
class Caller:
    """Comes ``after``, wants ``rows`` within ``patience``, may hang up; ``poison`` of his rows fail."""

    after: float
    rows: int
    patience: float
    hangs_up: float | None
    poison: frozenset[int]


callers = st.builds(
    Caller,
    after=st.floats(0, 0.3),
    rows=st.integers(1, 8),
    patience=st.floats(0.001, 1.0),
    hangs_up=st.none() | st.floats(0, 0.3),
    poison=st.frozensets(st.integers(0, 7), max_size=1),
)


class Machine:
    """Answers each row by its name; misbehaves as it is told, batch by batch."""

    def __init__(self, moods: Sequence[str]) -> None:
        self.moods, self.calls = list(moods), 0
        self.largest, self.worker = 0, asyncio.Lock()

    async def __call__(self, rows: Sequence[tuple[int, int, bool]]) -> Any:
        mood = self.moods[self.calls % len(self.moods)] if self.moods else "well"
        self.calls += 1
        self.largest = max(self.largest, len(rows))
        async with self.worker:
            await asyncio.sleep(COST.of(len(rows)) * (3 if mood == "slow" else 1))
        if any(poison for _, _, poison in rows):
            raise ValueError("poison")
        match mood:
            case "short":
                return [(caller, n) for caller, n, _ in rows][:-1]
            case "none":
                return None
            case "angry":
                raise MemoryError
        return [(caller, n) for caller, n, _ in rows]


async def visit(batcher: Batcher[Any, Any], number: int, caller: Caller) -> Any:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(caller.after)
    rows = [(number, n, n in caller.poison) for n in range(caller.rows)]
    asked = asyncio.ensure_future(batcher.submit(rows, loop.time() + caller.patience, 10))
    if caller.hangs_up is not None:
        loop.call_later(caller.hangs_up, asked.cancel)
    try:
        return await asked
    except (Shed, asyncio.CancelledError) as ended:
        return ended


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowd=st.lists(callers, max_size=40))
def test_every_caller_gets_his_own_rows_or_a_refusal(virtually, crowd):
    async def story():
        machine = Machine([])
        batcher: Batcher[Any, Any] = Batcher(told(machine), COST, LIMITS, clock=asyncio.get_running_loop().time)
        ends = await asyncio.gather(*(visit(batcher, n, caller) for n, caller in enumerate(crowd)))
        for number, (caller, end) in enumerate(zip(crowd, ends, strict=True)):
            if isinstance(end, Served):
                for n, result in enumerate(end.results):
                    if n in caller.poison and n < caller.rows:
                        assert isinstance(result, RowError)
                    else:
                        assert result == (number, n)
            else:
                assert isinstance(end, Shed) or caller.hangs_up is not None
        assert machine.largest <= LIMITS.batch_rows
        await settled(batcher)

    virtually(story())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    crowd=st.lists(callers, min_size=1, max_size=30),
    moods=st.lists(st.sampled_from(["well", "slow", "short", "none", "angry"]), min_size=1, max_size=6),
)
def test_no_mood_of_the_model_stops_it_or_mixes_answers(virtually, crowd, moods):
    async def story():
        machine = Machine(moods)
        batcher: Batcher[Any, Any] = Batcher(told(machine), COST, LIMITS, clock=asyncio.get_running_loop().time)
        ends = await asyncio.gather(*(visit(batcher, n, caller) for n, caller in enumerate(crowd)))
        for number, end in enumerate(ends):
            if isinstance(end, Served):
                assert all(isinstance(r, RowError) or r == (number, n) for n, r in enumerate(end.results))
        await settled(batcher)
        machine.moods = []  # it is well again, and so is everyone after it
        again = await visit(batcher, 99, Caller(0, 3, 10.0, None, frozenset()))
        assert again.results == [(99, 0), (99, 1), (99, 2)]

    virtually(story())


async def settled(batcher: Batcher[Any, Any]) -> None:
    """Nothing is left behind: no rows, no bytes, no batch."""
    await asyncio.sleep(60)
    assert batcher.idle
    assert batcher.waiting_rows == 0
    assert batcher._queue.bytes == 0
