"""The answer for a history too short for a model: the mean of the last four same weekdays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bentos.load import paths
from bentos.load.known import Known

WEEKS = 4


def weekday_mean(load: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """[horizon] means of the last four (or as many as there are) same weekdays of daily ``load`` [n ≥ 7]."""
    weeks = min(WEEKS, len(load) // 7)
    week = load[-7 * weeks :].reshape(weeks, 7).mean(axis=0)
    return np.resize(week, horizon)


def simulate_weekdays(known: Known, horizon: int, seed: int) -> NDArray[np.float64]:
    """[PATHS, horizon] logarithms; as errors the changes from week to week seen so far, day by day."""
    logs = np.log(known.days["load"].to_numpy())
    changes = logs[7:] - logs[:-7]
    drawn = np.random.default_rng(seed).choice(changes, size=(paths.PATHS, horizon))
    return paths.simulate(weekday_mean(logs, horizon), drawn, np.empty((0, horizon)), seed)
