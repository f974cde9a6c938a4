"""How dense arrivals are: the one thing about callers that the batcher follows."""

from __future__ import annotations

import math

WEIGHT = 0.1  # of the newest gap


class Arrivals:
    """A smoothed gap between arrivals, in seconds; infinite until two have come."""

    def __init__(self) -> None:
        self._last = self._gap = math.inf

    def note(self, now: float) -> None:
        """Something arrived."""
        gap = now - self._last
        if self._last == math.inf:
            pass
        elif self._gap == math.inf:
            self._gap = gap
        else:
            self._gap += WEIGHT * (gap - self._gap)
        self._last = now

    def gap(self, now: float) -> float:
        """What to expect until the next arrival; silence stretches it at once."""
        return max(self._gap, now - self._last)

    def forget(self) -> None:
        """The expected arrival did not come."""
        self._last = self._gap = math.inf
