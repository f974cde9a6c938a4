from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.artifact import open_artifact
from bentos.load import model as load_model
from bentos.load.model import LoadModel
from bentos.load.schema import Answer, Day, Model, Peak
from training.backtest import month_after, question_at
from training.scores import (
    LADDER,
    climatology,
    interval,
    month_scores,
    naive_7,
    naive_364,
    pinball,
    seasonal_scale,
    targets,
    top_days,
    weekdays_4,
)

FIRST = date(2024, 6, 1)
MODEL = Model(name="load", version="none", model_type="Ensemble", cold_start=True)


def said(means: np.ndarray, width: float = 0.0, chance: np.ndarray | None = None) -> Answer:
    """An answer for June with bands of ``width`` around ``means``."""
    chance = np.full(len(means), 1 / 3) if chance is None else chance
    days = [
        Day(date=FIRST + timedelta(days=i), mean=m, p5=m - 2 * width, p10=m - width, p50=m, p90=m + width,
            p95=m + 2 * width, p_top10=c)
        for i, (m, c) in enumerate(zip(means, chance, strict=True))
    ]  # fmt: skip
    highest = sorted(days, key=lambda day: -day.mean)[:10]
    top = [
        Peak(rank=i, date=d.date, value=d.mean, unit="MW", p10=d.p10, p90=d.p90, probability=d.p_top10)
        for i, d in enumerate(highest, start=1)
    ]
    return Answer(
        origin=FIRST - timedelta(days=1),
        unit="MW",
        days=days,
        top10=top,
        model=MODEL,
        weather="climatology",
        warnings=[],
    )


@pytest.fixture
def history() -> pd.Series:
    """Two years in which each week is ten above the one before: the seasonal naive errs by ten."""
    index = pd.date_range(end=FIRST - timedelta(days=1), periods=728)
    return pd.Series(100.0 + 10 * (np.arange(728) // 7), index=index)


@pytest.fixture
def came() -> pd.Series:
    return pd.Series(np.arange(201.0, 231.0), index=pd.date_range(FIRST, periods=30))


def test_a_perfect_forecast_has_no_error_and_finds_every_peak(came, history):
    sure = np.where(came >= 221, 1.0, 0.0)
    scores = month_scores(said(came.to_numpy(), chance=sure), came, history)
    for name in ("mase", "mae", "rmse", "mape", "bias", "pinball", "brier"):
        assert scores[name] == 0, name
    for name in ("r2", "coverage_80", "coverage_90", "recall", "capture", "peak_hit"):
        assert scores[name] == 1, name


def test_each_measure_is_what_a_hand_computes(came, history):
    actual = came.to_numpy()
    missed = np.where(np.arange(30) % 2 == 0, 6.0, -2.0)  # too high by 6, too low by 2, in turn
    scores = month_scores(said(actual + missed, width=2.5), came, history)
    assert scores["mae"] == 4
    assert scores["mase"] == pytest.approx(4 / 10)
    assert scores["rmse"] == pytest.approx(math.sqrt(20))
    assert scores["r2"] == pytest.approx(1 - 30 * 20 / sum((actual - 215.5) ** 2))
    assert scores["mape"] == pytest.approx(np.mean(np.abs(missed) / actual))
    assert scores["bias"] == pytest.approx(2 / 215.5)
    assert scores["coverage_80"] == 0.5  # within 2.5 of the mean
    assert scores["coverage_90"] == 0.5  # within 5
    assert month_scores(said(actual + missed, width=3), came, history)["coverage_90"] == 1  # the bounds count
    chance = 1 / 3
    assert scores["brier"] == pytest.approx((10 * (1 - chance) ** 2 + 20 * chance**2) / 30)


def test_peaks_are_scored_by_days_energy_and_the_highest(came, history):
    forecast = came.to_numpy().copy()
    forecast[[28, 29]] = 0.0  # the two highest are missed; days 18 and 19 stand in for them
    scores = month_scores(said(forecast), came, history)
    assert scores["recall"] == 0.8
    assert scores["capture"] == pytest.approx((sum(range(221, 229)) + 219 + 220) / sum(range(221, 231)))
    assert scores["peak_hit"] == 0


def test_of_equal_days_the_earlier_is_a_peak():
    assert top_days(np.array([1.0] * 12)) == set(range(10))
    assert top_days(np.array([5.0, 7.0, 7.0, *[6.0] * 20])) == {1, 2, *range(3, 11)}


def test_the_ladder_knows_weeks_years_and_weekdays(history):
    days = pd.date_range(FIRST, periods=30)
    last = history.iloc[-1]
    assert naive_7(history, days).tolist() == [last] * 30
    assert naive_364(history, days).tolist() == [last - 10 * 51 + 10 * (i // 7) for i in range(30)]
    assert weekdays_4(history, days).tolist() == [last - 15] * 30
    assert np.isnan(naive_364(history.iloc[-100:], days)).all()
    assert seasonal_scale(history) == 10


def test_the_pinball_loss_weighs_each_side_by_its_level():
    actual, levels = np.array([10.0, 10.0]), np.array([0.1, 0.5])
    forecast = np.array([[8.0, 13.0], [8.0, 13.0]])
    # level 0.1: 0.1·2 and 0.9·3; level 0.5: 0.5·2 and 0.5·3
    assert pinball(actual, levels, forecast) == pytest.approx((0.2 + 2.7 + 1.0 + 1.5) / 4)


def test_the_climatological_quantiles_are_past_years_around_the_day_at_todays_level():
    index = pd.date_range("2021-01-01", "2024-05-31")
    week = pd.Series(np.array([90.0, 110, 110, 100, 100, 100, 90])[index.day_of_week], index=index)
    grown = week * np.where(index.year == 2024, 2.0, 1.0)
    found = climatology(grown, pd.date_range(FIRST, periods=30))
    assert found.shape == (5, 30)
    assert (np.diff(found, axis=0) >= 0).all()
    np.testing.assert_allclose(found[[0, 2, 4]], np.array([[180.0], [200], [220]]) * np.ones(30), rtol=1e-9)


def test_every_measure_of_a_real_month_is_a_number(victoria):
    model = LoadModel(open_artifact(Path(load_model.__file__).with_name("released")))
    origin = pd.Timestamp("2013-11-30")
    answer = model.answer(question_at(victoria, origin))
    scores = month_scores(answer, month_after(victoria, answer), victoria.until(origin).days["load"])
    assert set(LADDER) <= set(scores)
    assert all(math.isfinite(value) for value in scores.values())


def test_the_figures_are_means_over_origins_and_shares_of_origins():
    table = pd.DataFrame({
        "mase": [0.5, 1.0], "naive_7": [1.0, 0.8], "naive_364": [0.9, np.nan], "weekdays_4": [0.6, 1.2],
        "pinball": [0.1, 0.2], "pinball_climatology": [0.2, 0.4], "coverage_80": [0.7, 0.9], "coverage_90": [0.9, 1],
        "recall": [0.5, 0.7], "capture": [0.9, 1.0], "peak_hit": [1.0, 0.0], "brier": [0.1, 0.2],
        "brier_weekdays": [0.2, 0.2],
    })  # fmt: skip
    assert targets(table) == {
        "Q1": 0.75, "Q1b": pytest.approx((0.5 + 1.25) / 2), "Q2": 0.5, "Q3": pytest.approx(0.5), "Q4": 0.8,
        "Q4b": 0.95, "Q5": pytest.approx(0.6), "Q6": 0.95, "Q7": 0.5, "Q8": pytest.approx(0.25),
    }  # fmt: skip


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_origins():
    values = np.random.default_rng(0).normal(0.6, 0.1, 13)
    low, high = interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(13), rel=0.15)
    assert interval(np.full(13, 0.6)) == (pytest.approx(0.6), pytest.approx(0.6))
    assert interval(values) == interval(values)
