"""By how much predictions are widened for what they do not see: parsing, answering, the scheduler, neighbours."""

from __future__ import annotations

STEP_S = 0.001  # wider after an answer that came too close to its deadline
MISSED = 0.005  # the share of answers that may: so much of a step narrower after every other
UNSEEN_S = 0.012  # of a caller's wait: before his request is read here, and until he has read his answer


class Margin:
    """Between ``least_s`` and ``most_s`` seconds, such that few answers come too late: a quantile followed step by step
    (Robbins and Monro, Annals of Mathematical Statistics 1951).
    """

    def __init__(self, least_s: float, most_s: float) -> None:
        self.seconds, self._least_s, self._most_s = least_s, least_s, most_s

    def note(self, left_s: float) -> None:
        """An answer was given so long before its deadline."""
        if left_s < UNSEEN_S:
            self.seconds = min(self.seconds + STEP_S, self._most_s)
        else:
            self.seconds = max(self.seconds - MISSED * STEP_S, self._least_s)
