from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bentos.load.calendar import Region
from bentos.load.features import ABSOLUTE, FAR, RELATIVE, design_matrix
from bentos.load.known import Known, known_from, known_from_table


def made(load: object, days: int = 800, **weather: object) -> Known:
    index = pd.date_range("2022-01-01", periods=days)
    return known_from_table(pd.DataFrame({"load": load, **weather}, index=index), Region())


def design(known: Known):
    return design_matrix(known, known.at, 31)


@pytest.mark.parametrize("days", [60, 399, 400, 800])
@pytest.mark.parametrize("load", [5.0, 1e-6, 1e12])
def test_a_flat_series_stays_flat_and_every_feature_a_number(load, days):
    found = design(made(load, days, temperature=20.0))
    np.testing.assert_allclose(np.exp(found.profile.centre), load, rtol=1e-3)
    assert np.isfinite(found.rows.to_numpy()).all()
    assert found.profile.spread > 0


def test_a_series_without_noise_is_continued():
    day = np.arange(800)
    week = np.array([1.0, 1.1, 1.1, 1.05, 1.0, 0.8, 0.7])[day % 7]
    season = 1 + 0.2 * np.cos(2 * np.pi * pd.date_range("2022-01-01", periods=831).day_of_year.to_numpy() / 365.25)
    found = design(made(300 * week * season[:800]))
    truth = 300 * np.resize(np.roll([1.0, 1.1, 1.1, 1.05, 1.0, 0.8, 0.7], -(800 % 7)), 31) * season[800:]
    assert np.abs(np.exp(found.profile.centre) / truth - 1).max() < 0.02
    assert np.isfinite(found.rows.to_numpy()).all()


@pytest.mark.parametrize("factor", [2.0, 1e-9, 1e6])
def test_a_series_in_another_unit_has_the_same_features_and_its_forecast_in_that_unit(ask, factor):
    known = known_from(ask())
    other = known_from_table(known.days.assign(load=known.days["load"] * factor), Region())
    one, scaled = design(known), design(other)
    np.testing.assert_allclose(scaled.rows, one.rows, atol=1e-6)
    np.testing.assert_allclose(scaled.profile.centre - one.profile.centre, np.log(factor), atol=1e-8)
    np.testing.assert_allclose(scaled.profile.weather_moves, one.profile.weather_moves, atol=1e-8)


def test_one_wild_day_moves_no_feature_beyond_its_bound_and_the_forecast_hardly(ask):
    known = known_from(ask())
    wild = known.days.copy()
    wild.loc["2024-04-12", "load"] *= 50
    one, other = design(known), design(known_from_table(wild, Region()))
    assert np.abs(other.profile.centre - one.profile.centre).max() < 0.1
    assert other.rows[["lag_1", "mean_7d", "mean_28d", "weekday_mean_4w"]].abs().max().max() <= FAR


def test_a_step_of_the_level_is_followed():
    load = np.where(np.arange(800) < 500, 100.0, 200.0) * (1 + 0.01 * np.random.default_rng(0).normal(size=800))
    assert np.exp(design(made(load)).profile.centre).mean() == pytest.approx(200, rel=0.1)


def test_load_that_answers_to_heat_is_forecast_from_the_heat_ahead():
    dice = np.random.default_rng(3)
    air = 22 + 8 * dice.normal(size=831)
    load = 100 * (1 + 0.03 * np.clip(air - 21, 0, None)) * (1 + 0.005 * dice.normal(size=831))
    known = made(load[:800], temperature=air[:800])
    ahead = pd.DataFrame({"temperature": air[800:], "humidity": np.nan, "rainfall": np.nan})
    ahead.index = pd.date_range(known.at + pd.Timedelta(days=1), periods=31)
    informed = design(known.with_weather_ahead(ahead)).profile.centre
    blind = design(known).profile.centre
    missed = [np.abs(centre - np.log(load[800:])).mean() for centre in (informed, blind)]
    assert missed[0] < missed[1] / 2


def test_the_lags_are_the_last_days_and_last_years_the_week_around_52_weeks_ago(ask):
    known = known_from(ask())
    found = design(known)
    z = np.clip(found.profile.residuals / found.profile.spread, -FAR, FAR)
    rows = found.rows
    assert rows["lag_1"].tolist() == [z[-1]] * 31
    assert rows["mean_28d"].iloc[0] == pytest.approx(z[-28:].mean())
    first = known.days.index.get_loc(rows.index[0] - pd.Timedelta(days=364))
    assert rows["last_year"].iloc[0] == pytest.approx(z[first - 3 : first + 4].mean())
    wednesdays = z[known.days.index.day_of_week == 2]
    assert rows["weekday_mean_4w"].iloc[0] == pytest.approx(wednesdays[-4:].mean())
    assert rows["weekday_mean_8w"].iloc[0] == pytest.approx(wednesdays[-8:].mean())
    assert list(rows.columns) == [*RELATIVE, *ABSOLUTE]
    assert rows["lead_days"].tolist() == list(range(1, 32))


def test_what_lies_after_the_moment_is_never_read(ask):
    known = known_from(ask())
    at = pd.Timestamp("2023-12-31")
    noise = known.days.copy()
    noise.loc[noise.index > at] = np.random.default_rng(0).uniform(1, 60, size=(int((noise.index > at).sum()), 4))
    one = design_matrix(known, at, 62)
    other = design_matrix(known_from_table(noise, Region()), at, 62)
    pd.testing.assert_frame_equal(one.rows, other.rows, check_exact=True)
    np.testing.assert_array_equal(one.profile.centre, other.profile.centre)
    np.testing.assert_array_equal(one.profile.weather_moves, other.profile.weather_moves)
