from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bentos.load.baseline import simulate_weekdays, weekday_mean
from bentos.load.calendar import Region
from bentos.load.known import known_from_table
from bentos.load.paths import PATHS, chance_of_peak, quantiles, simulate

NO_MOVES = np.empty((0, 31))


def test_the_chances_of_being_a_peak_sum_to_ten_even_where_days_tie():
    dice = np.random.default_rng(0)
    assert chance_of_peak(dice.normal(size=(500, 28))).sum() == pytest.approx(10)
    tied = chance_of_peak(np.ones((500, 30)))
    assert tied.tolist() == [1.0] * 10 + [0.0] * 20  # of equal days the earlier


def test_a_chance_is_counted_over_whole_paths():
    rising = np.tile(np.arange(30.0), (3, 1))
    falling = rising[:1, ::-1]
    chance = chance_of_peak(np.vstack([rising, falling]))
    assert chance[:10].tolist() == [0.25] * 10
    assert chance[10:20].tolist() == [0.0] * 10
    assert chance[20:].tolist() == [0.75] * 10


def test_errors_that_all_have_one_sign_widen_and_never_shift():
    expected = np.linspace(0, 1, 31)
    paths = simulate(expected, np.full((5, 62), 0.3), NO_MOVES, seed=1)
    np.testing.assert_allclose(np.unique(np.round(paths - expected, 9)), [-0.3, 0.3])
    errors = np.abs(np.random.default_rng(0).normal(0.5, 0.2, size=(40, 62)))
    moved = simulate(expected, errors, NO_MOVES, seed=1)
    np.testing.assert_allclose(moved.mean(axis=0), expected, atol=4 * 0.55 / np.sqrt(PATHS))


def test_a_path_takes_its_error_and_its_weather_whole():
    errors = np.arange(1.0, 4)[:, None] * np.arange(62)
    moves = np.array([[10.0] * 31, [-10.0] * 31])
    paths = simulate(np.zeros(31), errors, moves, seed=5)
    slopes = np.diff(paths, axis=1)
    np.testing.assert_allclose(slopes, slopes[:, :1] * np.ones(30), atol=1e-9)
    assert set(np.round(slopes[:, 0]).astype(int)) == {-3, -2, -1, 1, 2, 3}
    assert set(paths[:, 0]) == {-10, 10}


def test_one_seed_gives_one_set_of_paths_and_another_seed_another():
    asked = (np.zeros(31), np.random.default_rng(0).normal(size=(40, 62)), NO_MOVES)
    np.testing.assert_array_equal(simulate(*asked, seed=1), simulate(*asked, seed=1))
    assert (simulate(*asked, seed=1) != simulate(*asked, seed=2)).any()


def test_quantiles_are_those_of_each_day():
    paths = np.arange(101.0)[:, None] * np.array([1.0, 2.0])
    assert quantiles(paths, [0.05, 0.5, 0.95]).tolist() == [[5, 10], [50, 100], [95, 190]]


def test_the_mean_of_weekdays_begins_with_the_day_after_the_last():
    load = np.arange(28.0)  # four weeks; the day after has the weekday of the first
    assert weekday_mean(load, 9).tolist() == [10.5, 11.5, 12.5, 13.5, 14.5, 15.5, 16.5, 10.5, 11.5]
    assert weekday_mean(load[:20], 2).tolist() == [9.5, 10.5]  # two whole weeks
    assert weekday_mean(load[:7], 8).tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


def test_fourteen_days_of_one_week_twice_are_answered_without_doubt():
    days = pd.date_range("2024-01-01", periods=14)
    week = [100.0, 110, 120, 110, 100, 80, 70]
    known = known_from_table(pd.DataFrame({"load": week * 2}, index=days), Region())
    found = np.exp(simulate_weekdays(known, 31, seed=0))
    np.testing.assert_allclose(found, np.tile(np.resize(week, 31), (PATHS, 1)))
