"""What a batch costs by its rows: measured once at start-up on made-up rows, never on users.

Measured and not a straight line: a forest costs less a row in a large batch, and a lone row less than a line would say.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from time import perf_counter
from typing import TypeVar

import numpy as np

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Cost:
    """``seconds[n]`` for a batch of n rows, from none to the most that it may hold; more rows never cost less."""

    seconds: tuple[float, ...]

    def of(self, rows: int) -> float:
        return self.seconds[rows]

    def rows_within(self, seconds: float) -> int:
        """The largest batch that ends in so many seconds."""
        return bisect_right(self.seconds, seconds) - 1


def fit_cost(samples: Mapping[int, Sequence[float]], most: int) -> Cost:
    """Straight lines between the medians of the measured sizes, so that a hiccup in ten does not bend them."""
    sizes = sorted(samples)
    medians = np.maximum.accumulate([statistics.median(samples[size]) for size in sizes])
    return Cost((0.0, *np.interp(range(1, most + 1), sizes, medians).tolist()))


def measure_cost(
    predict: Callable[[Sequence[Row]], object], rows: Sequence[Row], batch_rows: int, repeats: int = 7
) -> Cost:
    """Run batches of different ``rows``, small to large and again, after one that nobody counts: the warm-up. Blocks.

    Different, because copies of one row stay in the processor's cache and cost a twentieth of what callers' rows do.
    """
    sizes = sorted({1, *(max(1, batch_rows // part) for part in (16, 4, 2, 1))})
    endless = cycle(rows)
    predict(list(islice(endless, batch_rows)))
    samples: dict[int, list[float]] = {size: [] for size in sizes}
    for size in sizes * repeats:
        batch = list(islice(endless, size))
        started = perf_counter()
        predict(batch)
        samples[size].append(perf_counter() - started)
    return fit_cost(samples, batch_rows)
