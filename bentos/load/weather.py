"""How weather enters: what load may respond to, and the weather that past years make possible."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.load.schema import MAX_LEAD_DAYS

Floats = NDArray[np.float64]

# Cooling starts above, heating below these temperatures (°C); the ridge decides which of them matter.
COOLING_C = (18.0, 21.0, 24.0, 28.0)
HEATING_C = (18.0, 14.0, 10.0)
# Buildings remember: today counts most, then yesterday and the day before.
INERTIA = (0.60, 0.25, 0.15)
# Past years' same days, up to this much earlier or later. Fifteen beat seven on Victoria before 2013-11.
SHIFT_DAYS = 15
SCENARIO_YEARS = 10
ROW = len(COOLING_C) + len(HEATING_C) + 2


def response_basis(weather: pd.DataFrame) -> Floats:
    """[days, ROW]: degrees above and below the balance points, damp heat, rain; NaN where no temperature is known."""
    air = weather["temperature"].to_numpy()
    felt = sum(share * _days_ago(air, lag) for lag, share in enumerate(INERTIA))
    above = [np.clip(felt - c, 0, None) / 10 for c in COOLING_C]
    below = [np.clip(c - felt, 0, None) / 10 for c in HEATING_C]
    damp = np.nan_to_num((weather["humidity"].to_numpy() - 70) / 30) * above[1]
    rain = np.log1p(np.nan_to_num(weather["rainfall"].to_numpy())) / 3
    return np.stack([*above, *below, damp, np.where(np.isnan(felt), np.nan, rain)], axis=1)


def _days_ago(values: Floats, lag: int) -> Floats:
    """``values`` a few days earlier; where that is unknown, the day's own."""
    earlier = np.concatenate([values[:1].repeat(lag), values[: len(values) - lag]])
    return np.where(np.isnan(earlier), values, earlier)


def seasonal_mean(basis: Floats, day_of_year: NDArray[np.int64]) -> Floats:
    """``basis`` with unknown rows replaced by the mean of the known ones at the same time of year."""
    unknown = np.isnan(basis).any(axis=1)
    apart = np.abs((day_of_year[unknown][:, None] - day_of_year[~unknown] + 182) % 365 - 182)
    near = (apart <= SHIFT_DAYS).astype(float)
    near[near.sum(axis=1) == 0] = 1.0  # a season never measured: the mean of all
    filled = basis.copy()
    filled[unknown] = near @ basis[~unknown] / near.sum(axis=1, keepdims=True)
    return filled


def scenarios(basis: Floats, past: pd.DatetimeIndex, ahead: pd.DatetimeIndex) -> Floats:
    """[scenarios, len(ahead), ROW]: stretches of past years' weather, whole, so that hot days stay together.

    Each is known for the longest horizon and then cut: how far ahead is asked must not choose among them.
    Empty where no year before has such a stretch.
    """
    first, same_day = past[0], ahead[0]
    years_ago = [(same_day - pd.DateOffset(years=k) - first).days for k in range(1, SCENARIO_YEARS + 1)]
    starts = [day + shift for day in years_ago for shift in range(-SHIFT_DAYS, SHIFT_DAYS + 1)]
    stretches = [basis[s : s + MAX_LEAD_DAYS] for s in starts if 0 <= s <= len(past) - MAX_LEAD_DAYS]
    whole = [stretch[: len(ahead)] for stretch in stretches if not np.isnan(stretch).any()]
    return np.array(whole).reshape(-1, len(ahead), ROW)
