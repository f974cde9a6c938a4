"""When requests are due, in seconds from the start of a run; nothing here knows how the server fares.

A shape is a list of stages. Its level is requests a second for an open loop, callers for a closed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Stage(NamedTuple):
    """``seconds`` long, in a straight line from one level to another."""

    seconds: float
    start: float
    end: float


Stages = Sequence[Stage]
DAY = (0.35, 0.3, 0.4, 0.9, 1.0, 0.85, 0.8, 0.95, 0.7, 0.45)  # of the busiest hour, from midnight to midnight


def steady(level: float, seconds: float) -> list[Stage]:
    """The same all the time."""
    return [Stage(seconds, level, level)]


def ramp(level: float, seconds: float) -> list[Stage]:
    """From nothing to ``level``."""
    return [Stage(seconds, 0.0, level)]


def spike(level: float, seconds: float) -> list[Stage]:
    """Five times ``level`` for a tenth of the time; what follows shows whether the server recovers."""
    calm, rush = steady(level, 0.45 * seconds), steady(5 * level, 0.1 * seconds)
    return [*calm, *rush, *calm]


def stress(level: float, seconds: float) -> list[Stage]:
    """Doubled four times, to sixteen times ``level``: somewhere on the way a server must say no."""
    return [stage for doubled in range(5) for stage in steady(level * 2**doubled, seconds / 5)]


def soak(level: float, seconds: float) -> list[Stage]:
    """As ``steady``, for the hour in which leaks are seen."""
    return steady(level, max(seconds, 3600.0))


def day(level: float, seconds: float) -> list[Stage]:
    """A day compressed: quiet at night, ``level`` in the busiest hour."""
    hour_s = seconds / (len(DAY) - 1)
    return [Stage(hour_s, level * start, level * end) for start, end in pairwise(DAY)]


SHAPES: Mapping[str, Callable[[float, float], list[Stage]]] = {
    shape.__name__: shape for shape in (steady, ramp, spike, stress, soak, day)
}


def length_s(stages: Stages) -> float:
    """From the first stage's start to the last one's end."""
    return sum(stage.seconds for stage in stages)


def level_at(stages: Stages, second: float) -> float:
    """The level in that moment; the last one afterwards."""
    for stage in stages:
        if second < stage.seconds:
            return stage.start + (stage.end - stage.start) * max(second, 0.0) / stage.seconds
        second -= stage.seconds
    return stages[-1].end


def arrivals(stages: Stages, seed: int | None = None) -> Floats:
    """At even distances where ``seed`` is ``None``, else as independent callers come (Poisson).

    An arrival is due when the levels so far add up to its number: the cumulated rate is inverted.
    """
    moments, expected = _cumulated(stages)
    numbers = np.arange(np.ceil(round(expected[-1], 6))) if seed is None else poisson(1.0, expected[-1], seed)
    return np.interp(numbers, expected, moments)


def _cumulated(stages: Stages, steps: int = 1000) -> tuple[Floats, Floats]:
    """Moments, and how many arrivals are expected until each."""
    moments, expected = [np.zeros(1)], [np.zeros(1)]
    for stage in stages:
        share = np.linspace(0.0, 1.0, steps + 1)[1:]
        grown = stage.seconds * (stage.start * share + (stage.end - stage.start) * share**2 / 2)
        moments.append(moments[-1][-1] + stage.seconds * share)
        expected.append(expected[-1][-1] + grown)
    return np.concatenate(moments), np.concatenate(expected)


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
