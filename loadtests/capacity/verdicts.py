"""What one probe at one rate says of the server: it holds, it fails, nothing decided, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from scipy.special import bdtrc

from loadtests.answers import Mask, percentile
from loadtests.shapes import Floats
from loadtests.slo import DOUBT, holds

SHARE = 0.99
SLICES, WORST = 10, 2  # the worst fifth of a probe may have been somebody else on the machine


class Verdict(StrEnum):
    """``VOID`` speaks of the generator, the others of the server."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    VOID = "void"


@dataclass(frozen=True)
class Outcome:
    """A probe's requests: when each was due and its latency, infinite for all that was not answered with 200.

    ``void`` says why the generator was not up to it, ``seen`` what was noted beside it. It took ``took_s`` in all.
    """

    due: Floats
    latency: Floats
    took_s: float
    void: list[str] = field(default_factory=list)
    seen: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def p99_s(self) -> float:
        return percentile(self.latency, SHARE)


def judge(outcome: Outcome, limit_s: float) -> Verdict:
    """Holding must be proved and so must failing; a stall of the machine proves neither.

    It holds where so few requests are over the limit as MLPerf's rule wants. It fails where so many are that a server
    which keeps the limit would have them in one of a hundred probes, even without the worst stretch of the probe: an
    overloaded server is late until the end, a machine that was busy elsewhere only for a while.
    """
    if outcome.void:
        return Verdict.VOID
    over = ~(outcome.latency <= limit_s)
    if holds(outcome.latency, SHARE, limit_s):
        return Verdict.HOLDS
    rest = over[~_worst_stretch(outcome.due, over)]
    excess = len(rest) > 0 and bdtrc(int(rest.sum()) - 1, len(rest), 1 - SHARE) <= DOUBT
    return Verdict.FAILS if excess else Verdict.UNDECIDED


def _worst_stretch(due: Floats, over: Mask) -> Mask:
    """Which requests were due in the slices, side by side, with the most that are over."""
    if not len(due):
        return np.zeros(0, bool)
    slices = np.minimum((SLICES * (due - due[0]) / max(np.ptp(due), 1e-9)).astype(int), SLICES - 1)
    counts = np.bincount(slices, over, SLICES)
    worst = int(np.argmax(np.convolve(counts, np.ones(WORST), "valid")))
    stretch: Mask = (slices >= worst) & (slices < worst + WORST)
    return stretch
