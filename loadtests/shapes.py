"""When requests are due, in seconds from the start of a run; nothing here knows how the server fares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def constant(rate: float, seconds: float) -> Floats:
    """``rate`` a second at even distances, the first at once."""
    return np.arange(round(rate * seconds)) / rate


def poisson(rate: float, seconds: float, seed: int) -> Floats:
    """``rate`` a second on average, each without regard to the others, as independent callers come."""
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0.0, seconds, random.poisson(rate * seconds)))


def burst(count: int, at: float = 0.0) -> Floats:
    """``count`` at once."""
    return np.full(count, at)
