from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bentos.load.calendar import Region
from bentos.load.known import WEATHER, known_from, known_from_table
from bentos.load.profile import fit_profile
from bentos.load.schema import MAX_LEAD_DAYS
from bentos.load.weather import ROW, SCENARIO_YEARS, SHIFT_DAYS, response_basis, scenarios, seasonal_mean


def weather(days: pd.DatetimeIndex, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({**dict.fromkeys(WEATHER, np.nan), **columns}, index=days, dtype=float)


def numbered(days: int) -> np.ndarray:
    """A basis whose rows tell their own place."""
    return np.arange(days, dtype=float)[:, None] * np.ones(ROW)


@pytest.mark.parametrize("origin", ["2014-01-31", "2014-06-30", "2016-02-29"])
def test_a_scenario_is_a_whole_stretch_of_a_past_year_that_ends_before_the_origin(origin):
    past = pd.date_range("2010-01-01", origin)
    ahead = pd.date_range(past[-1] + pd.Timedelta(days=1), periods=31)
    found = scenarios(numbered(len(past)), past, ahead)[:, :, 0]
    assert (np.diff(found, axis=1) == 1).all()
    assert found.max() < len(past)
    for row in found:
        starts = past[0] + pd.Timedelta(days=row[0])
        gaps = [abs((starts - (ahead[0] - pd.DateOffset(years=k))).days) for k in range(1, SCENARIO_YEARS + 1)]
        assert min(gaps) <= SHIFT_DAYS
    years = int(origin[:4]) - 2010
    assert years * (2 * SHIFT_DAYS + 1) - SHIFT_DAYS <= len(found) <= years * (2 * SHIFT_DAYS + 1)


def test_how_far_ahead_is_asked_does_not_choose_among_the_scenarios():
    past = pd.date_range("2012-01-01", "2014-06-30")
    basis = numbered(len(past))
    basis[[500, 590]] = np.nan
    first = past[-1] + pd.Timedelta(days=1)
    longest = scenarios(basis, past, pd.date_range(first, periods=MAX_LEAD_DAYS))
    shorter = scenarios(basis, past, pd.date_range(first, periods=28))
    np.testing.assert_array_equal(longest[:, :28], shorter)


def test_without_a_year_before_there_is_no_scenario():
    past = pd.date_range("2014-01-01", periods=340)
    ahead = pd.date_range("2014-12-07", periods=31)
    assert scenarios(numbered(340), past, ahead).shape == (0, 31, ROW)


def test_the_response_remembers_three_days_and_never_looks_ahead():
    days = pd.date_range("2014-01-01", periods=40)
    air = np.random.default_rng(0).normal(18, 8, 40)
    basis = response_basis(weather(days, temperature=air, humidity=80.0, rainfall=2.0))
    changed = np.where(np.arange(40) >= 20, air + 9, air)
    other = response_basis(weather(days, temperature=changed, humidity=80.0, rainfall=2.0))
    np.testing.assert_array_equal(basis[:20], other[:20])
    assert (basis[20:] != other[20:]).any(axis=1).all()
    once = response_basis(weather(days, temperature=np.where(np.arange(40) == 20, air + 30, air)))
    assert np.flatnonzero((once != response_basis(weather(days, temperature=air))).any(axis=1)).tolist() == [20, 21, 22]


def test_unknown_rows_take_the_mean_of_their_season_and_known_ones_stay():
    day_of_year = np.concatenate([np.arange(1, 366), np.arange(1, 366)])
    basis = numbered(730)
    basis[365 + 180] = np.nan
    filled = seasonal_mean(basis, day_of_year)
    around = np.delete(np.concatenate([np.arange(165, 196), np.arange(530, 561)]), 31 + 15)
    np.testing.assert_allclose(filled[545], around.mean())
    np.testing.assert_array_equal(np.delete(filled, 545, axis=0), np.delete(basis, 545, axis=0))
    january = np.full((40, ROW), np.nan)
    january[-1] = 7.0  # nothing near in the year: the mean of all
    np.testing.assert_array_equal(seasonal_mean(january, np.linspace(1, 300, 40).astype(int)), 7)


@pytest.mark.parametrize(
    "known_days",
    [
        slice(0, 0),
        slice(0, 60),
        slice(0, 300),
        slice(800, None),
        slice(400, 700),
        slice(None, -1),
        slice(None, None, 8),
    ],
)
def test_weather_known_in_part_gives_finite_profiles(ask, known_days):
    whole = known_from(ask()).days
    part = whole.assign(temperature=np.nan)
    part.loc[part.index[known_days], "temperature"] = whole["temperature"].iloc[known_days]
    known = known_from_table(part, Region())
    profile = fit_profile(known, pd.date_range(known.at + pd.Timedelta(days=1), periods=31))
    assert np.isfinite(profile.centre).all()
    assert np.isfinite(profile.weather_moves).all()
    assert np.abs(np.exp(profile.centre) / 950 - 1).max() < 0.3


def test_the_moves_of_possible_weather_cancel_and_are_none_where_it_is_supplied(ask):
    known = known_from(ask())
    ahead = pd.date_range("2024-05-01", periods=31)
    profile = fit_profile(known, ahead)
    whole_years, since_may_2021 = 2 * (2 * SHIFT_DAYS + 1), SHIFT_DAYS + 1
    assert len(profile.weather_moves) == whole_years + since_may_2021
    np.testing.assert_allclose(profile.weather_moves.mean(axis=0), 0, atol=1e-12)
    supplied = known.with_weather_ahead(weather(ahead, temperature=25.0))
    assert fit_profile(supplied, ahead).weather_moves.shape == (0, 31)
