"""The design matrix, the same for training and for serving: what was known at a moment, for each day ahead.

Everything is relative to the series itself, in units of the spread of its own residuals, so that a model fitted on one
series may be asked about another. The absolute features are for a model that is asked only about its own series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.load.calendar import calendar_columns
from bentos.load.known import Known
from bentos.load.profile import Profile, fit_profile

Floats = NDArray[np.float64]

RELATIVE = (
    "lead_days", "lag_1", "lag_2", "lag_3", "mean_7d", "mean_28d", "weekday_mean_4w", "weekday_mean_8w", "last_year",
    "own_calendar", "own_season", "own_weather", "weather_known", "temperature_difference",
    "weekday", "holiday", "made_up", "before_holiday", "after_holiday",
)  # fmt: skip
ABSOLUTE = ("year", "month", "day", "day_of_year")
FAR = 5.0  # spreads; a residual beyond is an accident and must not pull a mean


@dataclass(frozen=True)
class Design:
    """Rows [H, features] for ``days``, and the series' own profile, whose ``centre`` a model corrects.

    A model predicts ``(log load - centre) / spread``.
    """

    days: pd.DatetimeIndex
    rows: pd.DataFrame
    profile: Profile


def design_matrix(known: Known, at: pd.Timestamp, horizon: int) -> Design:
    """What can be said at the end of ``at`` about the ``horizon`` days after it.

    ``known`` may reach past ``at``; of that only its supplied weather is used. Raises ``LookAheadError`` where
    ``at`` lies after the last known day.
    """
    past = known if at == known.at else known.until(at).with_weather_ahead(known.ahead)
    days = pd.date_range(at + pd.Timedelta(days=1), periods=horizon)
    profile = fit_profile(past, days)
    columns = _lags(past, days, profile) | _own_parts(profile) | _weather(past, days) | _calendar(past, days)
    columns["lead_days"] = np.arange(1.0, horizon + 1)
    names = [*RELATIVE, *ABSOLUTE]
    rows = np.stack([np.broadcast_to(columns[name], horizon) for name in names], axis=1)
    return Design(days, pd.DataFrame(rows, index=days, columns=names), profile)


def _lags(past: Known, days: pd.DatetimeIndex, profile: Profile) -> dict[str, Floats]:
    """The last known days, weeks and the same time last year: the days ahead have no nearer neighbours."""
    z = np.clip(profile.residuals / profile.spread, -FAR, FAR)
    weekday = pd.DatetimeIndex(past.days.index).day_of_week
    same = [z[weekday == k][-8:] for k in range(7)]
    return {
        **{f"lag_{k}": z[-k] for k in (1, 2, 3)},
        **{f"mean_{k}d": z[-k:].mean() for k in (7, 28)},
        "weekday_mean_4w": np.array([weeks[-4:].mean() for weeks in same])[days.day_of_week],
        "weekday_mean_8w": np.array([weeks.mean() for weeks in same])[days.day_of_week],
        "last_year": _last_year(z, len(days)),
    }


def _last_year(z: Floats, horizon: int) -> Floats:
    """Mean of the week around the day 52 weeks before; zero, the profile's own opinion, where there is none."""
    begins = len(z) + np.arange(horizon) - 364 - 3
    weeks = np.lib.stride_tricks.sliding_window_view(z, 7).mean(axis=1)
    return np.where(begins >= 0, weeks[np.maximum(begins, 0)], 0.0)


def _own_parts(profile: Profile) -> dict[str, Floats]:
    return {f"own_{name}": profile.parts[name] / profile.spread for name in ("calendar", "season", "weather")}


def _weather(past: Known, days: pd.DatetimeIndex) -> dict[str, Floats]:
    """Whether the weather ahead is known, and how much warmer the last week was than the four before (°C)."""
    air = past.days["temperature"].to_numpy()
    recent, before = air[-7:], air[-35:-7]
    measured = not (np.isnan(recent).all() or np.isnan(before).all())
    return {
        "weather_known": np.array(float(past.weather_covers(days))),
        "temperature_difference": np.array(np.nanmean(recent) - np.nanmean(before) if measured else 0.0),
    }


def _calendar(past: Known, days: pd.DatetimeIndex) -> dict[str, Floats]:
    flags = calendar_columns(days, past.region)
    names = ("holiday", "made_up", "before_holiday", "after_holiday")
    parts = {"weekday": days.day_of_week, **{name: getattr(days, name) for name in ABSOLUTE}}
    return {name: flags[name] for name in names} | {k: v.to_numpy(float) for k, v in parts.items()}
