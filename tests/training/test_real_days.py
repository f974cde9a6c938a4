"""A labelled day is judged by what learnt from the others: nothing of the day is in what they are judged by."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from units import readings

from training import real_days
from training.hvac import Day
from training.real_days import Days, auc


class Calm:
    """A network that only knows its simulator, and sees nothing."""

    types = ("none", "F-FILTER")
    places = slice(None)

    class model:  # noqa: N801
        @staticmethod
        def predict(windows):
            return [np.zeros((len(windows), 6)), np.full((len(windows), 2), 0.5), np.zeros(len(windows))]


@pytest.fixture(scope="module")
def labelled() -> list[Day]:
    """Twenty days of one unit; on every third the supply air is three kelvin too warm."""
    none = pd.DataFrame({"fault": [], "onset": [], "functional_limit": [], "repair": []})
    quarters = readings(np.random.default_rng(0), none, 21)
    whole = quarters.set_axis(quarters.index - pd.Timedelta(minutes=15)).asfreq("1min").ffill()
    days = []
    for number, (date, minutes) in enumerate(whole.groupby(whole.index.floor("D"))):
        faulty = number % 3 == 2
        warm = minutes.assign(supply_air_temperature=minutes["supply_air_temperature"] + 3 * faulty)
        others = pd.DataFrame({"return fan": np.ones(len(minutes))}, minutes.index)
        days.append(Day(date, "F-HCV-LEAK" if faulty else "none", "", warm, others))
    return days[:20]


def test_what_is_known_of_other_days_does_not_change_with_the_day_that_is_left_out(labelled):
    place = next(k for k, day in enumerate(labelled) if day.fault == "none")
    spoilt = [*labelled]
    spoilt[place] = replace(labelled[place], readings=labelled[place].readings + 40)
    one, other = (Days(days, Calm).known(place + 1, place) for days in (labelled, spoilt))
    np.testing.assert_array_equal(one.physics, other.physics)


def test_a_fault_that_shows_is_learnt_from_the_other_days(labelled, monkeypatch):
    monkeypatch.setattr(real_days, "MEMBERS", 3)
    monkeypatch.setattr(real_days, "EPOCHS", 3)
    days = Days(labelled[:9], Calm)
    assert auc(days.faulty, days.left_out(0)) > 0.9


def test_a_like_unit_teaches_too(labelled, monkeypatch):
    monkeypatch.setattr(real_days, "MEMBERS", 1)
    monkeypatch.setattr(real_days, "EPOCHS", 3)
    one, like, mislabelled = Days(labelled[:9], Calm), Days(labelled[9:], Calm), Days(labelled[9:], Calm)
    mislabelled.faulty = ~like.faulty
    taught, misled = (auc(one.faulty, one.left_out(0, [unit])) for unit in (like, mislabelled))
    assert taught > 0.9
    assert taught > misled + 0.1


def test_the_same_date_in_another_unit_teaches_nothing(labelled):
    spoilt = [*labelled]
    spoilt[4] = replace(labelled[4], readings=labelled[4].readings + 40)
    one, other = (Days(days, Calm) for days in (labelled, spoilt))
    left = one.on(labelled[4].date)
    assert left == [4]
    for (windows, faulty), (same, flag) in zip(one.lessons(*left), other.lessons(*left), strict=True):
        np.testing.assert_array_equal(windows, same)
        assert faulty == flag
