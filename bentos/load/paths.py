"""Possible months: whole paths of daily load, from which every quantile and every peak's probability is counted.

A path is the expected load, moved by the weather of one past stretch of days and by the errors that the series' profile
once made at another moment, taken as a whole so that good and bad days stay together: a bootstrap of trajectories, as
in the residual simulations of GEFCom2014.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PATHS = 2000
PEAKS = 10


def simulate(expected: Floats, errors: Floats, weather_moves: Floats, seed: int) -> Floats:
    """[PATHS, H] logarithms of load around ``expected`` [H].

    ``errors`` [E, ≥ H] are trajectories of past errors in logarithms; each is used with either sign, so that it widens
    but never shifts. ``weather_moves`` [S, H] may be empty.
    """
    draw = np.random.default_rng(seed)
    horizon = len(expected)
    paths = errors[draw.integers(len(errors), size=PATHS), :horizon]
    paths *= draw.choice([-1.0, 1.0], size=(PATHS, 1))
    paths += expected
    if len(weather_moves):
        paths += weather_moves[draw.integers(len(weather_moves), size=PATHS)]
    return paths


def chance_of_peak(paths: Floats) -> Floats:
    """For each day the share of ``paths`` [n, days] in which it is among the ten highest; they sum to ten."""
    highest = np.argsort(-paths, axis=1, kind="stable")[:, :PEAKS]
    return np.bincount(highest.ravel(), minlength=paths.shape[1]) / len(paths)


def quantiles(paths: Floats, levels: Sequence[float]) -> Floats:
    """[levels, days]"""
    ordered = np.sort(paths.T)  # day by day, and faster than what looks for a quantile in disorder
    return np.asarray(np.quantile(ordered, levels, axis=1))
