from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.load.calendar import Region
from bentos.load.features import design_matrix
from bentos.load.known import WEATHER, known_from_table
from bentos.load.sample import sample_series
from bentos.load.schema import ANNUAL_DAYS, MAX_LEAD_DAYS
from training.moments import Replay, month_ends, replay, splits

LEAD = pd.Timedelta(days=MAX_LEAD_DAYS)


def replayed_at(moments: pd.DatetimeIndex) -> Replay:
    """Rows without features for ``moments``: what the splits look at."""
    moment = moments.repeat(MAX_LEAD_DAYS)
    day = moment + pd.to_timedelta(np.tile(np.arange(1, MAX_LEAD_DAYS + 1), len(moments)), unit="D")
    return Replay(pd.DataFrame(index=day), np.zeros(len(day)), moment, day, {})


@settings(max_examples=25, deadline=None, derandomize=True)
@given(step=st.integers(1, 80), n_splits=st.integers(2, 6), more=st.integers(1, 60), holes=st.sets(st.integers(0, 20)))
def test_no_day_is_a_target_on_both_sides_of_a_split(step, n_splits, more, holes):
    enough = MAX_LEAD_DAYS // step + 1 + n_splits + len(holes) + 20
    every = pd.date_range("2014-01-01", periods=enough + more, freq=f"{step}D")
    replayed = replayed_at(every.delete(sorted(holes)))  # a long outage leaves no moment
    folds = splits(replayed, n_splits)
    assert len(folds) == n_splits
    for train, test in folds:
        assert replayed.day[train].max() <= replayed.moment[test].min()
        assert replayed.moment[test].min() - replayed.moment[train].max() >= LEAD
        assert not set(replayed.day[train]) & set(replayed.day[test])
        assert len(train)
        assert len(test)
    tested = np.concatenate([test for _, test in folds])
    assert len(tested) == len(set(tested))


@pytest.mark.parametrize("count", [0, 1, 2, 11])
def test_too_few_moments_for_the_splits_are_refused_with_what_to_do(count):
    moments = pd.date_range("2014-01-01", periods=count, freq="7D")
    with pytest.raises(ValueError, match=f"{count} past moments are too few for 3 splits.*Give more data"):
        splits(replayed_at(moments), 3)


def test_a_replay_until_a_moment_holds_nothing_measured_later(victoria):
    replayed = replay(victoria, 56)
    origin = pd.Timestamp("2014-03-31")
    seen, then = replayed.until(origin), replay(victoria.until(origin), 56)
    pd.testing.assert_frame_equal(seen.rows, then.rows)
    assert (seen.target == then.target).all()
    assert seen.moment.equals(then.moment)
    assert seen.day.equals(then.day)
    kept = [at for rows in seen.errors.values() for at, _ in rows]
    assert max(kept) <= origin - LEAD
    assert len(kept) == sum(at <= origin - LEAD for rows in replayed.errors.values() for at, _ in rows)
    assert kept


def test_the_origins_are_month_ends_after_which_a_whole_month_is_known(victoria):
    ends = month_ends(victoria, 13)
    assert ends == list(pd.date_range("2013-11-30", "2014-11-30", freq="ME"))
    assert month_ends(victoria.until(pd.Timestamp("2014-12-30")), 1) == [pd.Timestamp("2014-10-31")]
    assert month_ends(victoria, 33)[0] == pd.Timestamp("2012-03-31")  # the first after two months of history


@pytest.mark.parametrize("count", [0, -1, 34])
def test_more_origins_than_there_are_or_none_are_refused(victoria, count):
    with pytest.raises(ValueError, match="the series holds 33"):
        month_ends(victoria, count)


def test_what_is_learnt_is_the_difference_between_profile_and_day_in_spreads(victoria):
    replayed = replay(victoria, 200)
    at = replayed.moment[0]
    first = (replayed.moment == at) & (replayed.rows["weather_known"] == 0).to_numpy()
    profile = design_matrix(victoria, at, MAX_LEAD_DAYS).profile
    came = victoria.days["load"].reindex(replayed.day[first])
    np.testing.assert_allclose(np.exp(profile.centre + profile.spread * replayed.target[first]), came)


def test_each_moment_is_stood_in_once_with_and_once_without_the_weather_ahead(victoria):
    replayed = replay(victoria.until(pd.Timestamp("2013-12-31")), 100)
    known = replayed.rows["weather_known"].to_numpy()
    whole = replayed.moment <= pd.Timestamp("2013-12-31") - LEAD
    assert (known[whole] == 0).sum() == (known[whole] == 1).sum() == whole.sum() / 2
    blind = replay(known_from_table(victoria.days.drop(columns=WEATHER), victoria.region), 100)
    assert not blind.rows["weather_known"].any()
    assert not blind.rows.isna().any().any()


def test_whole_trajectories_are_kept_by_kind_of_history(victoria):
    replayed = replay(victoria, 100)
    year_known = victoria.days.index[0] + pd.Timedelta(days=ANNUAL_DAYS - 1)
    assert all(at < year_known for at, _ in replayed.errors["short"])
    assert all(at >= year_known for at, _ in replayed.errors["years"])
    assert all(len(errors) == MAX_LEAD_DAYS for rows in replayed.errors.values() for _, errors in rows)
    assert all(at <= victoria.at - LEAD for rows in replayed.errors.values() for at, _ in rows)


def test_days_that_nobody_measured_are_never_learnt():
    raw = pd.DataFrame(sample_series()).astype({"load": float}).set_index("date")
    raw.index = pd.DatetimeIndex(raw.index)
    lost = pd.date_range("2022-08-01", periods=9)
    known = known_from_table(raw.drop(lost), Region())
    replayed = replay(known, 30)
    assert known.filled == tuple(date(2022, 8, day) for day in range(1, 10))
    assert not replayed.day.isin(lost).any()
    around = [at for rows in replayed.errors.values() for at, _ in rows if at < lost[0] <= at + LEAD]
    assert around == []
