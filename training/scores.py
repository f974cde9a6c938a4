"""The measures, always beside the naive ladder. Loads in one unit; a month's forecast against what came."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.load.baseline import weekday_mean
from bentos.load.paths import PEAKS
from bentos.load.schema import Answer

Floats = NDArray[np.float64]
Baseline = Callable[[pd.Series, pd.DatetimeIndex], Floats]

QUANTILES = {"p5": 0.05, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p95": 0.95}
SEASON_DAYS = 15  # around the same day of past years: the climatological quantiles
RESAMPLES = 2000


def naive_7(history: pd.Series, days: pd.DatetimeIndex) -> Floats:
    """The last known day of the same weekday."""
    return np.resize(history.to_numpy()[-7:], len(days))


def naive_364(history: pd.Series, days: pd.DatetimeIndex) -> Floats:
    """The day 52 weeks before; NaN where it was not measured."""
    return history.reindex(days - pd.Timedelta(days=364)).to_numpy()


def weekdays_4(history: pd.Series, days: pd.DatetimeIndex) -> Floats:
    """The mean of the last four same weekdays."""
    return weekday_mean(history.to_numpy(), len(days))


LADDER: dict[str, Baseline] = {"naive_7": naive_7, "naive_364": naive_364, "weekdays_4": weekdays_4}


def seasonal_scale(history: pd.Series) -> float:
    """MAE of the seasonal naive of 7 days within ``history``: the denominator of MASE (Hyndman and Koehler 2006)."""
    return float(history.diff(7).abs().mean())


def pinball(actual: Floats, levels: Floats, forecast: Floats) -> float:
    """Mean over ``levels`` [q] and days of the quantile loss; ``forecast`` [q, days] (Koenker and Bassett 1978)."""
    over = actual - forecast
    return float(np.maximum(levels[:, None] * over, (levels[:, None] - 1) * over).mean())


def climatology(history: pd.Series, days: pd.DatetimeIndex) -> Floats:
    """[q, days] quantiles of past years around the same day, moved to the level of the last four weeks."""
    level = history.rolling(28, min_periods=7).mean()
    relative = (history / level).to_numpy()
    of_year = history.index.day_of_year.to_numpy()  # type: ignore[attr-defined]
    columns = []
    for day in days:
        near = np.abs((of_year - day.day_of_year + 182) % 365 - 182) <= SEASON_DAYS
        sample = relative[near & ~np.isnan(relative)]
        columns.append(np.quantile(sample if len(sample) else relative[-28:], list(QUANTILES.values())))
    return np.array(columns).T * float(level.iloc[-1])


def top_days(load: Floats) -> set[int]:
    """Positions of the ten highest; of equal ones the earlier."""
    return set(np.argsort(-load, kind="stable")[:PEAKS].tolist())


def month_scores(answer: Answer, actual: pd.Series, history: pd.Series) -> dict[str, float]:
    """One origin's measures; ``actual`` has the month's days, ``history`` what lay before."""
    days, came = pd.DatetimeIndex(actual.index), actual.to_numpy()
    mean = np.array([day.mean for day in answer.days])
    bands = np.array([[getattr(day, name) for day in answer.days] for name in QUANTILES])
    levels = np.array(list(QUANTILES.values()))
    scale = seasonal_scale(history)
    return {
        "mase": float(np.abs(mean - came).mean() / scale),
        **{name: float(np.abs(rule(history, days) - came).mean() / scale) for name, rule in LADDER.items()},
        "mae": float(np.abs(mean - came).mean()),
        "rmse": float(np.sqrt(np.mean((mean - came) ** 2))),
        "r2": float(1 - np.sum((mean - came) ** 2) / np.sum((came - came.mean()) ** 2)),
        "mape": float(np.mean(np.abs(mean - came) / came)),
        "bias": float(np.mean(mean - came) / came.mean()),
        "pinball": pinball(came, levels, bands) / scale,
        "pinball_climatology": pinball(came, levels, climatology(history, days)) / scale,
        "coverage_80": float(np.mean((came >= bands[1]) & (came <= bands[3]))),
        "coverage_90": float(np.mean((came >= bands[0]) & (came <= bands[4]))),
        **_peak_scores(answer, came, history, days),
    }


def _peak_scores(answer: Answer, came: Floats, history: pd.Series, days: pd.DatetimeIndex) -> dict[str, float]:
    dates = [day.date for day in answer.days]
    said = {dates.index(peak.date) for peak in answer.top10}
    true = top_days(came)
    happened = np.array([i in true for i in range(len(came))], dtype=float)
    chance = np.array([day.p_top10 for day in answer.days])
    return {
        "recall": len(said & true) / PEAKS,
        "capture": float(came[list(said)].sum() / came[list(true)].sum()),
        "peak_hit": float(int(came.argmax()) in said),
        "brier": float(np.mean((chance - happened) ** 2)),
        "brier_weekdays": float(np.mean((_weekday_chance(history, days) - happened) ** 2)),
    }


def _weekday_chance(history: pd.Series, days: pd.DatetimeIndex) -> Floats:
    """How often each weekday was among the ten highest days of the whole past months."""
    months = history.groupby(pd.DatetimeIndex(history.index).to_period("M"))
    whole = months.transform("size") >= 28
    peaks = (months.rank(ascending=False, method="first") <= PEAKS)[whole].astype(float)
    chance = peaks.groupby(pd.DatetimeIndex(peaks.index).day_of_week).mean()
    return np.asarray(chance.reindex(range(7)).fillna(PEAKS / 30).to_numpy()[days.day_of_week])


def interval(values: Floats, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over origins."""
    draws = np.random.default_rng(seed).choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def targets(table: pd.DataFrame) -> dict[str, float]:
    """The figures of a table of origins under the ids of the targets; fractions from 0 to 1."""
    best = table[list(LADDER)].min(axis=1)
    return {
        "Q1": table["mase"].mean(),
        "Q1b": (table["mase"] / table["naive_7"]).mean(),
        "Q2": (table["mase"] < best).mean(),
        "Q3": 1 - table["pinball"].mean() / table["pinball_climatology"].mean(),
        "Q4": table["coverage_80"].mean(),
        "Q4b": table["coverage_90"].mean(),
        "Q5": table["recall"].mean(),
        "Q6": table["capture"].mean(),
        "Q7": table["peak_hit"].mean(),
        "Q8": 1 - table["brier"].mean() / table["brier_weekdays"].mean(),
    }
