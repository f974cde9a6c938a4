"""What a batch costs: a fixed part and a part for each row, fitted at start on batches of our own making.

It never learns from callers: one slow neighbour must not teach the server to refuse, nor a lull to promise too much.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle, islice
from time import perf_counter
from typing import TypeVar

Row = TypeVar("Row")
Predict = Callable[[Sequence[Row]], Awaitable[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds for a batch of ``rows``: ``fixed_s + per_row_s * rows``."""

    fixed_s: float
    per_row_s: float

    def of(self, rows: int) -> float:
        return self.fixed_s + self.per_row_s * rows


def fit_cost(samples: Sequence[tuple[int, float]]) -> Cost:
    """Theil-Sen line through (rows, seconds): the median of all slopes, so that a hiccup in ten does not bend it.

    Raises ``ValueError`` without two different numbers of rows.
    """
    slopes = [(t - s) / (n - m) for (m, s), (n, t) in combinations(samples, 2) if m != n]
    if not slopes:
        raise ValueError("A cost needs batches of at least two sizes.")
    per_row = max(statistics.median(slopes), 0.0)
    fixed = max(statistics.median(t - per_row * n for n, t in samples), 0.0)
    return Cost(fixed, per_row)


async def measure_cost(predict: Predict[Row], rows: Sequence[Row], batch_rows: int, repeats: int = 7) -> Cost:
    """Run batches of different ``rows``, small to large and again, after one that nobody counts: the warm-up.

    Different, because copies of one row stay in the processor's cache and cost a twentieth of what callers' rows do.
    """
    sizes = sorted({1, max(1, batch_rows // 8), max(1, batch_rows // 2), batch_rows})
    endless = cycle(rows)
    await predict(list(islice(endless, batch_rows)))
    samples = []
    for size in sizes * repeats:
        batch = list(islice(endless, size))
        started = perf_counter()
        await predict(batch)
        samples.append((size, perf_counter() - started))
    return fit_cost(samples) if len(sizes) > 1 else Cost(statistics.median(s for _, s in samples), 0.0)
