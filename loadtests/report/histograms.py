"""Latencies second by second, out of the HDR histograms of a run file: read, merge, and take percentiles of any sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray
from scipy.sparse import csr_array

from loadtests.record import LOST_US, histogram
from loadtests.shapes import Floats

DIGITS = histogram().significant_figures
COUNTERS = histogram().counts_len


@cache
def values_ms() -> Floats:
    """What each counter stands for: the highest latency it holds, infinite for requests without an answer."""
    index = np.arange(COUNTERS)
    size = np.maximum((index >> 10) - 1, 0)  # counters come 1,024 at a time, each time twice as wide
    steps = np.where(index < 1024, index, (index & 1023) + 1024)
    lowest = steps << size
    values: Floats = np.where(lowest + (1 << size) > LOST_US, np.inf, (lowest + (1 << size) - 1) / 1000)
    return values


def counts(encoded: str) -> Floats:
    """How many latencies each counter holds. Raises ``ValueError`` for another kind of histogram."""
    found = np.zeros(COUNTERS)
    used, many = _used(encoded)
    found[used] = many
    return found


def _used(encoded: str) -> tuple[NDArray[np.int64], Floats]:
    """The counters that hold something, and how much; quick, for there are thousands of seconds."""
    if not encoded:
        return np.zeros(0, np.int64), np.zeros(0)
    found = HdrHistogram.decode(encoded)
    if (found.counts_len, found.significant_figures) != (COUNTERS, DIGITS):
        raise ValueError(f"a histogram of 1 µs to {LOST_US // 10**6:,} s with {DIGITS} digits is expected")
    last = found.get_counts_array_index(found.max_value)
    held = np.frombuffer(found.counts, dtype=np.uint64, count=last + 1)
    used = np.flatnonzero(held != 0).astype(np.int64)
    return used, held[used].astype(float)


@dataclass(frozen=True)
class Seconds:
    """A call's latencies: ``counts`` has a row for each second from ``first`` on and a column for each of ``values``.

    ``asked`` are all requests of a second, ``bad`` those with a cause to be bad, by cause.
    """

    first: int
    values: Floats
    counts: csr_array
    asked: Floats
    bad: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.asked)

    @property
    def answered(self) -> Floats:
        """With 200, late or not, in each second."""
        return np.asarray(self.counts @ np.isfinite(self.values).astype(float))

    def good(self, deadline_ms: float) -> Floats:
        """Answered with 200 within the deadline, in each second."""
        lowest = self.values * (1 - 2.0**-10)  # who shares the deadline's counter is in time
        return np.asarray(self.counts @ (lowest <= deadline_ms).astype(float))

    def between(self, first: int, last: int) -> Seconds:
        """Only the seconds from ``first`` up to, not with, ``last``."""
        part = slice(max(first - self.first, 0), max(last - self.first, 0))
        bad = {cause: many[part] for cause, many in self.bad.items()}
        return Seconds(self.first + part.start, self.values, self.counts[part], self.asked[part], bad)

    def weighted(self, weights: Floats) -> Floats:
        """Sums of seconds, each as often as a row of ``weights`` says: one row of counts for each."""
        return np.asarray((self.counts.T @ weights.T).T)


def by_second(series: Iterable[Mapping[str, Any]], call: str, length: int) -> Seconds:
    """One call's seconds from 0 to ``length``; a second that is missing is one in which nothing was asked."""
    told = [one for one in series if one["call"] == call and 0 <= one["second"] < length]
    causes = dict.fromkeys(cause for one in told for cause in one["bad"])
    asked, bad = np.zeros(length), {cause: np.zeros(length) for cause in causes}
    rows, held = [np.zeros(0, int)], [_used("")]
    for one in told:
        asked[one["second"]] += one["count"]
        for cause, times in one["bad"].items():
            bad[cause][one["second"]] += times
        held.append(_used(one["histogram"]))
        rows.append(np.full(len(held[-1][0]), one["second"]))
    used, column = np.unique(np.concatenate([index for index, _ in held]), return_inverse=True)
    many = np.concatenate([times for _, times in held])
    matrix = csr_array((many, (np.concatenate(rows), column)), shape=(length, len(used)))
    return Seconds(0, values_ms()[used], matrix, asked, bad)


def percentiles(many: Floats, values: Floats, shares: Sequence[float]) -> Floats:
    """For each row of counts and each share the smallest value that at least the share does not exceed; NaN of none."""
    reached = np.cumsum(many, axis=-1)
    total = reached[..., -1:] if len(values) else np.zeros((*many.shape[:-1], 1))
    found = [np.full(many.shape[:-1], np.nan) for _ in shares]
    for place, share in enumerate(shares):
        rank = np.maximum(np.ceil(np.round(share * total, 9)), 1)
        if len(values):
            index = np.minimum(np.sum(reached < rank, axis=-1), len(values) - 1)
            found[place] = np.where(total[..., 0] > 0, values[index], np.nan)
    return np.stack(found, axis=-1)
