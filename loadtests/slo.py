"""What is enough, and when a run says nothing at all: a run that fails its gates is void, not green."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.special import bdtr

from loadtests.answers import Log
from loadtests.shapes import Floats

P99_S = 0.150
DEADLINE_MS = 500

MAX_CPU_SHARE = 0.8
MIN_ACHIEVED = 0.99
STEADY_S = 60
DOUBT = 0.01  # the chance to claim a percentile that does not hold


class VoidError(Exception):
    """A run that says nothing; the text says why."""


def samples_needed(share: float, over: int) -> int:
    """How many samples prove that ``share`` keep a limit when ``over`` of them did not (MLPerf's early stopping).

    The fewest n for which so few of n would exceed it by chance in at most one of a hundred runs.
    """
    low, high = over, over + 1
    while bdtr(over, high, 1 - share) > DOUBT:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bdtr(over, middle, 1 - share) > DOUBT else (low, middle)
    return high


def holds(latency: Floats, share: float, limit_s: float) -> bool:
    """Whether these samples prove that ``share`` of all requests stay within ``limit_s``."""
    return len(latency) >= samples_needed(share, int(np.sum(~(latency <= limit_s))))


def void_because(log: Log, *, official: bool = True) -> list[str]:
    """Why the run cannot be used; empty for a good one. Only official runs must be long and large enough."""
    why = []
    if log.cpu_share >= MAX_CPU_SHARE:
        why.append(f"the generator took {log.cpu_share:.0%} of a core; below {MAX_CPU_SHARE:.0%} it measures others")
    if log.achieved < MIN_ACHIEVED:
        why.append(f"only {log.achieved:.1%} of the arrivals left when they were due")
    if log.dropped:
        why.append(f"{log.dropped} requests were never sent")
    if official and (length := float(np.ptp(log.intended))) < STEADY_S * 0.99:
        why.append(f"{length:.0f} s of arrivals; {STEADY_S} s are wanted")
    if official and len(log.intended) < (needed := samples_needed(0.99, 0)):
        why.append(f"{len(log.intended)} samples; a p99 needs {needed} even if none is over")
    return why


def refuse_void(logs: Iterable[Log], *, official: bool) -> None:
    """Raises ``VoidError`` where any of the runs is void."""
    why = [reason for log in logs for reason in void_because(log, official=official)]
    if why:
        raise VoidError("; ".join(why))
