"""What a series tells about itself: one regression on its own past, made anew for every question.

A ridge of the logarithm of load on trend, time of year, calendar and weather, after the semi-parametric models
that won GEFCom2014 and 2017. Nothing in it comes from another series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.load.calendar import calendar_columns
from bentos.load.known import WEATHER, Known
from bentos.load.schema import ANNUAL_DAYS
from bentos.load.weather import ROW, response_basis, scenarios, seasonal_mean

Floats = NDArray[np.float64]

PENALTY = 0.1
TREND_PENALTY = 3.0
BEND_PENALTY = 9.0
HARMONICS = 2
# Half-lives of a day's weight: with whole years all of them count, without them only what is recent.
MEMORY_DAYS = 600.0
SHORT_MEMORY_DAYS = 45.0
OUTLIER = 2.5  # spreads from the fit, beyond which a day loses weight (Huber)


@dataclass(frozen=True)
class Profile:
    """A series' own expectation for H days ahead, in logarithms of load.

    ``parts`` says how much of ``centre`` [H] is calendar, season and weather; ``residuals`` [n] are what the fit
    leaves of the past and ``spread`` their standard deviation; ``weather_moves`` [scenarios, H] are the deviations that
    past years' weather would make (none where the weather is supplied or unknown).
    """

    centre: Floats
    parts: dict[str, Floats]
    residuals: Floats
    spread: float
    weather_moves: Floats


def fit_profile(known: Known, ahead: pd.DatetimeIndex) -> Profile:
    """Fit on all of ``known`` and look at ``ahead``, consecutive days of which the first follows its last day."""
    past = pd.DatetimeIndex(known.days.index)
    n, annual = len(past), len(past) >= ANNUAL_DAYS
    blocks, possible = _blocks(known, past, ahead, annual)
    design = np.hstack(list(blocks.values()))
    target = np.log(known.days["load"].to_numpy())
    weight = _memory(n, MEMORY_DAYS if annual else SHORT_MEMORY_DAYS)
    slopes = _robust_ridge(design[:n], target, weight, _penalty(blocks))
    residuals = target - design[:n] @ slopes
    by_block = dict(zip(blocks, np.split(slopes, np.cumsum([b.shape[1] for b in blocks.values()])[:-1]), strict=True))
    moves = possible @ by_block["weather"]
    return Profile(
        centre=design[n:] @ slopes,
        parts={name: block[n:] @ by_block[name] for name, block in blocks.items()},
        residuals=residuals,
        spread=_tame_deviation(residuals, weight),
        weather_moves=moves - moves.mean(axis=0) if len(moves) else moves,
    )


def _blocks(
    known: Known, past: pd.DatetimeIndex, ahead: pd.DatetimeIndex, annual: bool
) -> tuple[dict[str, Floats], Floats]:
    """The columns of the regression by what they tell, and the weather that is possible [scenarios, H, …]."""
    days = pd.date_range(past[0], ahead[-1])
    weather, possible = _weather(known, ahead)
    blocks = {
        "level": _trend(len(past), len(ahead), annual),
        "calendar": np.stack(list(calendar_columns(days, known.region).values()), axis=1),
        "season": _season(days) if annual else np.empty((len(days), 0)),
        "weather": weather,
    }
    return blocks, possible


def _memory(n: int, half_life: float) -> Floats:
    weight = 0.5 ** (np.arange(n)[::-1] / half_life)
    return np.asarray(weight / weight.mean())


def _trend(n: int, horizon: int, annual: bool) -> Floats:
    """[n + horizon, …]: one, with whole years also a line that may bend once a year and is level after the last day."""
    years = np.concatenate([np.arange(1 - n, 1), np.zeros(horizon)]) / 365.25
    level = np.ones(n + horizon)
    if not annual:
        return level[:, None]
    bends = np.arange(years[0] + 1, -0.4, 1.0)
    return np.stack([level, years, *(np.clip(years - bend, 0, None) for bend in bends)], axis=1)


def _penalty(blocks: dict[str, Floats]) -> Floats:
    """One for each column: the level is free, a change of slope must earn its place."""
    level = np.array([0.0, TREND_PENALTY, *np.full(blocks["level"].shape[1], BEND_PENALTY)])
    others = sum(block.shape[1] for block in blocks.values()) - blocks["level"].shape[1]
    return np.concatenate([level[: blocks["level"].shape[1]], np.full(others, PENALTY)])


def _season(days: pd.DatetimeIndex) -> Floats:
    """Waves of the year, and what the first of them does to Saturdays and Sundays."""
    angle = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    waves = [wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    weekend = (days.day_of_week >= 5).astype(float)
    return np.stack([*waves, weekend * np.sin(angle), weekend * np.cos(angle)], axis=1)


def _weather(known: Known, ahead: pd.DatetimeIndex) -> tuple[Floats, Floats]:
    """The response basis for past and ``ahead``, and the possible ones [scenarios, H, ROW] where it is not known."""
    past = pd.DatetimeIndex(known.days.index)
    none = np.empty((len(past) + len(ahead), 0)), np.empty((0, len(ahead), 0))
    supplied = known.weather_covers(ahead)
    weather = pd.concat([known.days[WEATHER], known.ahead.reindex(ahead)]) if supplied else known.days
    basis = response_basis(weather)
    if np.isnan(basis[: len(past), 0]).mean() > 0.9:
        return none
    day_of_year = past.day_of_year.to_numpy().astype(np.int64)
    filled = seasonal_mean(basis[: len(past)], day_of_year)
    if supplied:
        return np.vstack([filled, basis[len(past) :]]), np.empty((0, len(ahead), ROW))
    possible = scenarios(basis, past, ahead)
    if not len(possible):
        return none
    return np.vstack([filled, possible.mean(axis=0)]), possible


def _robust_ridge(design: Floats, target: Floats, weight: Floats, penalty: Floats) -> Floats:
    """Weighted ridge, once more with outliers weighing less."""
    slopes = _ridge(design, target, weight, penalty)
    residuals = target - design @ slopes
    far = np.abs(residuals) / (OUTLIER * _spread(residuals))
    return _ridge(design, target, weight / np.maximum(1, far), penalty)


def _ridge(design: Floats, target: Floats, weight: Floats, penalty: Floats) -> Floats:
    weighted = design * weight[:, None]
    tiny = 1e-9  # a column of zeros has no slope
    return np.asarray(np.linalg.solve(design.T @ weighted + np.diag(penalty + tiny), weighted.T @ target))


def _spread(residuals: Floats) -> float:
    """The standard deviation that the median absolute residual of a normal law would have."""
    return max(1.4826 * float(np.median(np.abs(residuals))), 1e-6)


def _tame_deviation(residuals: Floats, weight: Floats) -> float:
    """Weighted standard deviation; accidents count as four spreads, and a flat line still has one."""
    tame = np.clip(residuals / _spread(residuals), -4, 4) * _spread(residuals)
    return max(float(np.sqrt(np.average(tame**2, weights=weight))), 1e-4)
