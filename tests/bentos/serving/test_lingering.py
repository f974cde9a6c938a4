"""How long an idle worker waits for company, on the virtual clock: as the cost says, and never beyond the cap."""

from __future__ import annotations

import asyncio
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from calls import told

from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits
from bentos.serving.cost import Cost

COST = Cost((0.0, *(0.020 + 0.001 * rows for rows in range(1, 65))))


async def two_after_a_crowd(linger_s: float) -> tuple[list[int], list[float]]:
    """Two callers, 0.2 ms apart, after a crowd that came as densely: their batches, and how long each lingered."""
    loop, batches = asyncio.get_running_loop(), list[int]()

    async def predict(rows):
        batches.append(len(rows))
        await asyncio.sleep(COST.of(len(rows)))
        return list(rows)

    async def ask(after: float) -> float:
        await asyncio.sleep(after)
        served = await batcher.submit([1], loop.time() + 10)
        return served.lingered_s

    batcher: Batcher[int, int] = Batcher(told(predict), COST, Limits(linger_s=linger_s), clock=loop.time)
    await asyncio.gather(*(ask(0.0002 * n) for n in range(30)))
    batches.clear()
    return batches, await asyncio.gather(ask(0.0), ask(0.0002))


@pytest.mark.parametrize("linger_s", [math.inf, 0.001])
def test_an_idle_worker_waits_for_company_that_is_expected(virtually, linger_s):
    batches, lingered = virtually(two_after_a_crowd(linger_s))
    assert batches == [2]
    assert 0.0002 <= max(lingered) <= linger_s + 1e-9


@pytest.mark.parametrize("linger_s", [0.0001, 0.0])
def test_it_never_waits_longer_than_it_may(virtually, linger_s):
    batches, lingered = virtually(two_after_a_crowd(linger_s))
    assert batches == [1, 1]
    assert lingered == [pytest.approx(linger_s), 0]
