"""What became of every planned request of a run, and the figures that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from loadtests.shapes import Floats

Mask: TypeAlias = NDArray[np.bool_]

NO_ANSWER, HUNG_UP = 0, -1  # stand where else an HTTP status does
REJECTED = (429, 503)
WINDOW_S = 10.0
PUNCTUAL_S = 0.1  # a request that leaves later than this after it was due was not sent as planned


@dataclass(frozen=True)
class Log:
    """One entry a planned request, in the plan's order.

    ``intended``, ``started`` and ``ended`` are seconds after ``began`` (of the monotonic clock, which all processes
    share), NaN for what did not happen. ``bodies`` are the answers' bodies, empty where they were not kept.
    """

    intended: Floats
    started: Floats
    ended: Floats
    status: NDArray[np.int64]
    retry_after: Mask
    bodies: list[bytes]
    deadline_s: float
    began: float
    wall_s: float
    cpu_s: float

    @property
    def latency(self) -> Floats:
        """From when the request was due, not from when it left; infinite for one without an answer."""
        waited = self.ended - self.intended
        return np.where(np.isnan(waited), np.inf, waited)

    @property
    def admitted(self) -> Mask:
        """Answered with 200, in time or not."""
        admitted: Mask = self.status == 200
        return admitted

    @property
    def good(self) -> Mask:
        """Answered with 200 within the deadline."""
        return self.admitted & (self.latency <= self.deadline_s)

    @property
    def rejected(self) -> Mask:
        """Told to come back later."""
        return np.isin(self.status, REJECTED)

    @property
    def dropped(self) -> int:
        """Planned but never sent."""
        return int(np.isnan(self.started).sum())

    @property
    def achieved(self) -> float:
        """The share of the plan that left when it was due."""
        late = self.started - self.intended
        return float(np.mean(late <= PUNCTUAL_S))

    @property
    def cpu_share(self) -> float:
        """Of one core, for the generator's process; near 1 it measures itself."""
        return self.cpu_s / self.wall_s

    def summary(self) -> dict[str, object]:
        """For people and JSON: milliseconds, infinity as null."""
        statuses, counts = np.unique(self.status, return_counts=True)
        rejected, latency = self.rejected, self.latency
        return {
            "planned": len(self.intended),
            "achieved": round(self.achieved, 4),
            "dropped": self.dropped,
            "statuses": dict(zip(map(str, statuses.tolist()), counts.tolist(), strict=True)),
            "good": int(self.good.sum()),
            "goodput": round(float(self.good.mean()), 4),
            "latency_ms": in_ms(latency),
            "ok_ms": in_ms(latency[self.admitted]),
            "rejected_ms": in_ms(latency[rejected]),
            "rejected_with_retry_after": int(self.retry_after[rejected].sum()),
            "lateness_p99_ms": in_ms(self.started - self.intended)["p99"],
            "cpu_share": round(self.cpu_share, 3),
        }


def percentile(seconds: Floats, share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed; NaN counts as infinite, none gives NaN."""
    if len(seconds) == 0:
        return math.nan
    ordered = np.sort(np.where(np.isnan(seconds), np.inf, seconds))
    return float(ordered[max(math.ceil(round(share * len(ordered), 9)) - 1, 0)])


def median_p99(seconds: Floats, due: Floats) -> float:
    """The median over windows of the p99 in each; windows are of ten seconds, and of the whole where that is shorter.

    A hypervisor that takes a core away for half a second makes one answer in a hundred of a whole run late, whatever
    a server does; here it spoils one window.
    """
    window = np.floor(due / WINDOW_S)
    return median(percentile(seconds[window == one], 0.99) for one in np.unique(window)) if len(due) else math.nan


def in_ms(seconds: Floats) -> dict[str, float | None]:
    """The usual percentiles of some latencies, in milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
    values = {name: 1000 * percentile(seconds, share) for name, share in shares.items()}
    return {name: round(value, 3) if math.isfinite(value) else None for name, value in values.items()}
