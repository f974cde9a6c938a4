"""What was to come at a moment: the labels that a warning before the failure is fitted on and judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.schema import HORIZONS

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

ACTION_GAP = pd.Timedelta(minutes=30)  # before the failure in which no warning helps any more
TELLING = 0.25  # severity from which a fault's type can be asked for
NONE = "none"  # the type of a unit without a fault
HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Episode:
    """One fault of one unit. The failure is the moment at which it crosses its functional limit, severity 1."""

    code: str
    slow: bool
    onset: pd.Timestamp
    functional_limit: pd.Timestamp
    repair: pd.Timestamp
    shape: float = 1.0  # exponent of a slow fault's ramp

    def severity(self, at: pd.DatetimeIndex) -> Floats:
        """[N] from 0 at the onset to 1 at the functional limit, and so until the repair."""
        there = np.asarray((at > self.onset) & (at < self.repair))
        if not self.slow:
            return there.astype(np.float32)
        way = np.asarray((at - self.onset) / (self.functional_limit - self.onset), float)
        return np.where(there, np.clip(way, 0.0, 1.0) ** self.shape, 0.0).astype(np.float32)


@dataclass(frozen=True)
class Labels:
    """At N moments: ``hazard`` [N, 6] where ``judged`` [N, 6], ``kind`` [N] where ``telling`` [N], ``severity`` [N]."""

    hazard: Floats
    judged: Flags
    kind: Ints
    telling: Flags
    severity: Floats

    def __getitem__(self, rows: Any) -> Labels:  # noqa: ANN401 - whatever NumPy takes
        return Labels(self.hazard[rows], self.judged[rows], self.kind[rows], self.telling[rows], self.severity[rows])

    @classmethod
    def joined(cls, parts: Sequence[Labels]) -> Labels:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


def labels(episodes: Sequence[Episode], at: pd.DatetimeIndex, types: Sequence[str]) -> Labels:
    """What was to come at each of ``at``; ``types`` begin with ``NONE``.

    For a horizon H a moment is positive from H before the failure until the action gap, not judged from there until the
    repair, negative otherwise. What leads up to an abrupt fault is not judged either: nothing announces it, and how
    often it comes is the campaign's choice. Between onset and ``TELLING`` no type is asked for.
    """
    hazard = np.zeros((len(at), len(HORIZONS)), np.float32)
    judged = np.ones((len(at), len(HORIZONS)), bool)
    kind, severity = np.zeros(len(at), np.int64), np.zeros(len(at), np.float32)
    for episode in episodes:
        failed = np.asarray((at > episode.functional_limit - ACTION_GAP) & (at < episode.repair))
        judged[failed] = False
        for column, hours in enumerate(HORIZONS):
            ahead = np.asarray((at >= episode.functional_limit - hours * HOUR) & ~failed & (at < episode.repair))
            if episode.slow:
                hazard[ahead, column] = 1
            else:
                judged[ahead, column] = False
        grown = episode.severity(at)
        kind[grown > 0], severity = types.index(episode.code), np.maximum(severity, grown)
    return Labels(hazard, judged, kind, (severity == 0) | (severity >= TELLING), severity)
