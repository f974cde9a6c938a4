from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from bentos.load.calendar import FESTIVALS, Region, RegionError, calendar_columns, holidays_of, whole_years

VICTORIA = Region("AU", "VIC")
CHINA = Region("CN")
NOWHERE = Region()


def on(day: str, region: Region) -> dict[str, float]:
    """The columns of one day that are not zero."""
    columns = calendar_columns(pd.DatetimeIndex([day]), region)
    return {name: float(value[0]) for name, value in columns.items() if value[0]}


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2014-03-10", "Labor Day"),
        ("2014-04-18", "Good Friday"),
        ("2014-04-25", "ANZAC Day"),
        ("2014-06-09", "Queen's Birthday"),
        ("2014-11-04", "Melbourne Cup Day"),
        ("2014-12-26", "Boxing Day"),
    ],
)
def test_victorias_holidays_bear_their_names_and_no_weekday(day, name):
    columns = on(day, VICTORIA)
    assert columns["holiday"] == 1
    assert [column for column in columns if column.startswith(("is ", "weekday_"))] == [f"is {name}"]


def test_a_holiday_moved_from_a_weekend_is_free_and_is_not_the_day_itself():
    columns = on("2022-12-27", VICTORIA)  # Christmas Day was a Sunday
    assert columns["holiday"] == 1
    assert not any(column.startswith("is ") for column in columns)


def test_a_holiday_of_one_state_is_a_working_day_in_the_next():
    assert "holiday" in on("2014-11-04", VICTORIA)
    assert on("2014-11-04", Region("AU", "NSW")) == {"weekday_1": 1}
    assert on("2014-11-03", VICTORIA) == {"before_holiday": 1}
    assert on("2014-11-05", VICTORIA) == {"weekday_2": 1, "after_holiday": 1}


def test_chinas_made_up_weekends_are_mondays_and_not_weekends():
    # 2014: the State Council moved two weekend days to make the Spring Festival whole, 1 and 7 to 8 October likewise.
    for worked in ("2014-01-26", "2014-02-08", "2014-05-04", "2014-09-28", "2014-10-11"):
        columns = on(worked, CHINA)
        assert columns["made_up"] == 1
        assert not {"holiday", "weekday_5", "weekday_6"} & set(columns)
    assert on("2014-11-08", CHINA) == {"weekday_5": 1}
    for swapped in ("2014-02-06", "2014-05-02", "2014-10-07"):
        assert on(swapped, CHINA)["holiday"] == 1


def test_the_day_before_a_holiday_counts_only_where_it_is_worked():
    assert on("2014-12-24", VICTORIA)["before_holiday"] == 1
    assert "before_holiday" not in on("2014-12-25", VICTORIA)  # the day before Boxing Day is free itself
    assert "before_holiday" not in on("2023-12-24", VICTORIA)  # a Sunday


@pytest.mark.parametrize("region", [Region("XX"), Region("AU", "XYZ"), Region("ZZ", "AB")])
def test_an_unknown_place_is_refused_with_what_to_write_instead(region):
    with pytest.raises(RegionError, match="Use ISO 3166 codes such as AU and VIC"):
        calendar_columns(pd.date_range("2014-01-01", periods=3), region)


def test_without_a_country_only_weekdays_are_known():
    columns = calendar_columns(pd.date_range("2014-12-22", "2015-01-02"), NOWHERE)
    assert {name for name, value in columns.items() if value.any()} == {f"weekday_{k}" for k in range(1, 7)}
    assert not any(name.startswith(("is ", *FESTIVALS)) for name in columns)


def test_a_span_over_new_year_has_the_columns_of_both_years_together():
    days = pd.date_range("2013-12-20", "2014-01-15")
    whole = calendar_columns(days, VICTORIA)
    for year in ("2013", "2014"):
        inside = days.year == int(year)
        apart = calendar_columns(days[inside], VICTORIA)
        for name, value in whole.items():
            np.testing.assert_array_equal(value[inside], apart.get(name, np.zeros(inside.sum())), err_msg=name)


@pytest.mark.parametrize(
    ("region", "festival"), [(CHINA, "lunar_new_year"), (VICTORIA, "christmas"), (VICTORIA, "easter")]
)
def test_the_hats_of_a_festival_sum_to_one_between_its_knots_and_to_none_far_away(region, festival):
    days = pd.date_range("2011-07-01", "2016-06-30")
    columns = calendar_columns(days, region)
    hats = {name: value for name, value in columns.items() if name.startswith(festival)}
    total = sum(hats.values())
    knots = FESTIVALS[festival][1]
    first_days = days[hats[f"{festival}+0"] == 1]
    assert len(first_days) == 5
    from_first = (days.to_numpy()[:, None] - first_days.to_numpy()).astype("timedelta64[D]").astype(int)
    near = ((from_first >= knots[0]) & (from_first <= knots[-1])).any(axis=1)
    far = ((from_first < knots[0] - 6) | (from_first > knots[-1] + 6)).all(axis=1)
    np.testing.assert_allclose(total[near], 1, atol=1e-12)
    assert not total[far].any()
    for knot in knots:
        assert hats[f"{festival}{knot:+d}"][days.isin(first_days + pd.Timedelta(days=knot))].tolist() == [1] * 5


def test_the_spring_festival_begins_on_its_first_day_every_year():
    days = pd.date_range("2012-01-01", "2016-12-31")
    first = days[calendar_columns(days, CHINA)["lunar_new_year+0"] == 1].strftime("%Y-%m-%d").tolist()
    known = ["2012-01-23", "2013-02-10", "2014-01-31", "2015-02-19", "2016-02-08"]
    assert [abs((date.fromisoformat(a) - date.fromisoformat(b)).days) <= 1 for a, b in zip(first, known, strict=True)]


def test_a_festival_that_shares_its_day_with_another_holiday_is_still_found():
    # 2 April 2021 was Good Friday and, in Argentina, the day of the veterans.
    assert on("2021-04-02", Region("AR"))["easter+0"] == 1


@pytest.mark.parametrize("language", ["zh_CN.UTF-8", "C", "th_TH.UTF-8"])
def test_the_names_do_not_depend_on_the_locale_of_the_machine(monkeypatch, language):
    days = pd.date_range("2014-01-01", "2014-12-31")
    usual = calendar_columns(days, CHINA)
    for variable in ("LANG", "LC_ALL", "LANGUAGE"):
        monkeypatch.setenv(variable, language)
    holidays_of.cache_clear()
    whole_years.cache_clear()
    again = calendar_columns(days, CHINA)
    assert list(again) == list(usual)
    assert all((again[name] == usual[name]).all() for name in usual)
