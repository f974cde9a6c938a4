from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.load.calendar import Region
from bentos.load.features import design_matrix
from bentos.load.known import WEATHER, LookAheadError, known_from, known_from_table


def table(loads: list[float], first: str = "2024-01-01") -> pd.DataFrame:
    days = pd.date_range(first, periods=len(loads))
    return pd.DataFrame({"load": loads, "temperature": 10.0}, index=days)


def test_a_gap_takes_the_last_known_value_of_its_weekday_and_is_named():
    raw = table([float(n) for n in range(1, 29)])
    known = known_from_table(raw.drop(raw.index[[10, 17]]), Region())
    assert known.days["load"].iloc[[10, 17]].tolist() == [4, 4]  # two weeks in a row: the same one, not the next
    assert known.filled == (date(2024, 1, 11), date(2024, 1, 18))
    assert known.days["temperature"].notna().all()  # a day without weather has the day before's


def test_a_day_of_zero_load_is_a_gap():
    raw = table([1.0] * 7 + [0.0] + [2.0] * 13)
    known = known_from_table(raw, Region())
    assert known.days["load"].iloc[7] == 1
    assert known.filled == (date(2024, 1, 8),)


def test_a_weekday_never_seen_takes_the_day_before():
    raw = table([float(n) for n in range(1, 15)])
    mondays = raw.index[raw.index.day_of_week == 2]
    assert known_from_table(raw.drop(mondays), Region()).days["load"].loc[mondays].tolist() == [2, 9]


def test_zeros_before_the_first_load_are_no_history_and_no_gaps():
    known = known_from_table(table([0.0, 0.0, *[5.0] * 20]), Region())
    assert known.days.index[0] == pd.Timestamp("2024-01-03")
    assert known.filled == ()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(missing=st.sets(st.integers(8, 40), max_size=12), moment=st.integers(14, 41))
def test_what_fills_a_gap_never_comes_from_later(missing, moment):
    loads = np.random.default_rng(1).uniform(50, 90, 42)
    raw = table(loads.tolist()).drop(table(loads.tolist()).index[sorted(missing)])
    whole = known_from_table(raw, Region())
    at = whole.days.index[min(moment, len(whole.days) - 1)]
    seen = known_from_table(raw.loc[:at], Region())
    pd.testing.assert_frame_equal(whole.days.loc[: seen.at], seen.days)
    assert whole.until(seen.at).filled == seen.filled


def test_asking_for_what_was_not_known_raises(ask):
    known = known_from(ask())
    later = known.at + pd.Timedelta(days=1)
    with pytest.raises(LookAheadError, match="2024-05-01 lies after 2024-04-30"):
        known.until(later)
    with pytest.raises(LookAheadError):
        design_matrix(known, later, 31)


def test_a_past_moment_knows_nothing_of_what_follows_but_supplied_weather(ask):
    known = known_from(ask())
    at = pd.Timestamp("2023-10-31")
    past = known.until(at)
    assert past.at == at
    assert not len(past.ahead)
    supplied = past.with_weather_ahead(known.days[WEATHER])
    assert supplied.ahead.index[0] == pd.Timestamp("2023-11-01")
    assert supplied.weather_covers(pd.date_range("2023-11-01", "2023-11-30"))
    assert not supplied.weather_covers(pd.date_range("2024-04-20", "2024-05-20"))


def test_a_question_makes_known_its_complete_days_alone(ask, series):
    now = pd.Timestamp.now("UTC").date().isoformat()
    known = known_from(ask(series=series(30, now)[::-1]))
    assert known.at == pd.Timestamp(now) - pd.Timedelta(days=1)
    assert known.days.index.is_monotonic_increasing
    assert len(known.days) == 29
