from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError


def ahead(first: str, count: int) -> list[dict]:
    start = date.fromisoformat(first)
    return [{"date": (start + timedelta(days=i)).isoformat(), "temperature": 20} for i in range(count)]


def codes(ask, **fields) -> set[str]:
    with pytest.raises(ValidationError) as refused:
        ask(**fields)
    return {fault["type"] for fault in refused.value.errors()}


def today(zone: str) -> date:
    return datetime.now(ZoneInfo(zone)).date()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"])
def test_today_has_not_ended_in_its_own_zone_and_is_left_out(ask, series, zone):
    now = today(zone)
    question = ask(series=series(30, now.isoformat()), timezone=zone)
    assert question.origin == now - timedelta(days=1)
    yesterday = now - timedelta(days=1)
    assert ask(series=series(30, yesterday.isoformat()), timezone=zone).origin == yesterday


def test_fourteen_complete_days_are_needed_and_today_is_none_of_them(ask, series):
    assert codes(ask, series=series(13)) == {"history_too_short"}
    assert codes(ask, series=series(14, today("UTC").isoformat())) == {"history_too_short"}
    assert len(ask(series=series(14)).series) == 14


@pytest.mark.parametrize(
    ("last", "first_day", "count"),
    [("2024-04-30", "2024-05-01", 31), ("2024-12-05", "2025-01-01", 31), ("2024-01-31", "2024-02-01", 29)],
)
def test_without_a_month_the_one_after_the_origin_is_asked_for(ask, series, last, first_day, count):
    days = ask(series=series(100, last)).days
    assert (days[0].isoformat(), len(days)) == (first_day, count)
    assert days == [days[0] + timedelta(days=i) for i in range(count)]


@pytest.mark.parametrize(("year", "count"), [(2023, 28), (2024, 29), (2100, 28)])
def test_february_has_its_own_length_in_every_year(ask, series, year, count):
    assert len(ask(series=series(60, f"{year}-01-31"), year=year, month=2).days) == count


def test_a_month_that_has_begun_may_be_asked_for_until_its_last_day_is_known(ask, series):
    assert ask(series=series(100, "2024-02-28"), year=2024, month=2).days[-1] == date(2024, 2, 29)
    assert codes(ask, series=series(100, "2024-02-29"), year=2024, month=2) == {"month_known"}
    assert codes(ask, year=2020, month=1) == {"month_known"}


def test_a_month_whose_first_days_nobody_measured_cannot_be_ranked(ask, series):
    assert codes(ask, series=series(16, "2024-06-25"), year=2024, month=6) == {"month_begins_before"}
    silent = [{**row, "load": 0 if i < 2 else row["load"]} for i, row in enumerate(series(24, "2024-06-24"))]
    assert codes(ask, series=silent, year=2024, month=6) == {"month_begins_before"}
    assert ask(series=series(24, "2024-06-24"), year=2024, month=6).days[0] == date(2024, 6, 1)


def test_the_end_of_the_month_lies_at_most_62_days_ahead(ask, series):
    reached = ask(series=series(100, "2024-06-30"), year=2024, month=8)
    assert (reached.days[-1] - reached.origin).days == 62
    assert codes(ask, series=series(100, "2024-06-29"), year=2024, month=8) == {"month_too_far"}


def test_year_and_month_come_together(ask):
    assert codes(ask, year=2024) == {"month_incomplete"}
    assert codes(ask, month=5) == {"month_incomplete"}
    assert codes(ask, year=2024, month=13) == {"less_than_equal"}
    assert codes(ask, year=2024, month="5") == {"int_type"}


def test_days_stand_once_and_in_any_order(ask, series):
    rows = series(30)
    assert codes(ask, series=[*rows, rows[3]]) == {"days_twice"}
    assert ask(series=rows[::-1]) == ask(series=rows)


def test_one_day_in_ten_may_be_missing_or_zero_and_not_one_more(ask, series):
    rows = series(100)
    fewer = [row for i, row in enumerate(rows) if i % 10 != 5]
    assert ask(series=fewer).origin == date(2024, 4, 30)
    silent = [{**row, "load": 0} if i % 10 == 5 else row for i, row in enumerate(rows)]
    assert ask(series=silent).origin == date(2024, 4, 30)
    assert codes(ask, series=fewer[:50] + fewer[51:]) == {"too_many_gaps"}
    assert codes(ask, series=[{**row, "load": 0} for row in rows]) == {"too_many_gaps"}


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("2024-5-1", "day_form"),
        ("20240501", "day_form"),
        ("2024-05-01T00:00:00", "day_form"),
        ("01.05.2024", "day_form"),
        (1714521600, "day_form"),
        (True, "day_form"),
        ("2023-02-29", "date_from_datetime_parsing"),
        ("1899-12-31", "greater_than_equal"),
        (None, "date_type"),
    ],
)
def test_a_day_is_written_in_one_form_only(ask, series, written, code):
    assert codes(ask, series=[*series(30), {"date": written, "load": 1.0}]) == {code}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("load", -1.0),
        ("load", "100"),
        ("load", float("nan")),
        ("load", float("inf")),
        ("load", 1.1e12),
        ("load", None),
        ("temperature", 71.0),
        ("temperature", -91.0),
        ("humidity", 101.0),
        ("rainfall", -0.1),
        ("wind", 3.0),
    ],
)
def test_a_value_that_cannot_be_is_refused_where_it_stands(ask, series, field, value):
    rows = series(30)
    rows[7][field] = value
    with pytest.raises(ValidationError) as refused:
        ask(series=rows)
    assert [fault["loc"][:3] for fault in refused.value.errors()] == [("series", 7, field)]


def test_a_forecast_needs_the_temperature_of_every_day_to_the_months_end(ask, series):
    week_before = series(100, "2024-04-23")
    whole = ahead("2024-04-24", 38)
    assert ask(series=week_before, weather="forecast", weather_ahead=whole).weather == "forecast"
    for lacking in (whole[1:], whole[:-1], whole[7:]):
        asked = {"weather": "actual", "weather_ahead": lacking, "year": 2024, "month": 5}
        assert codes(ask, series=week_before, **asked) == {"weather_missing"}
    cold = [{**row, "temperature": None} if i == 3 else row for i, row in enumerate(whole)]
    assert codes(ask, series=week_before, weather="forecast", weather_ahead=cold) == {"weather_missing"}


def test_weather_that_would_not_be_used_or_stands_twice_is_refused(ask):
    may = ahead("2024-05-01", 31)
    assert codes(ask, weather_ahead=may) == {"weather_unused"}
    assert codes(ask, weather="forecast", weather_ahead=[*may, may[0]]) == {"days_twice"}
    shuffled = ask(weather="forecast", weather_ahead=may[::-1])
    assert shuffled == ask(weather="forecast", weather_ahead=may)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"subdivision": "VIC"}, "country_missing"),
        ({"country": "au"}, "string_pattern_mismatch"),
        ({"timezone": "Mars/Olympus"}, "timezone_unknown"),
        ({"timezone": "../../etc/passwd"}, "timezone_unknown"),
        ({"model_type": "ARIMA"}, "literal_error"),
        ({"weather": "sunny"}, "literal_error"),
        ({"unit": ""}, "string_too_short"),
        ({"modeltype": "Ridge"}, "extra_forbidden"),
    ],
)
def test_an_option_that_is_not_known_is_refused(ask, fields, code):
    assert codes(ask, **fields) == {code}


def test_every_refusal_of_ours_says_what_to_do(ask, series):
    for fields in ({"year": 2024}, {"series": series(5)}, {"year": 2025, "month": 1}, {"subdivision": "VIC"}):
        with pytest.raises(ValidationError, match=r"(?i)send|give|add|ask|write|set"):
            ask(**fields)
