from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import get_args

import numpy as np
import pytest

from bentos.load import model as load_model
from bentos.load.calendar import RegionError
from bentos.load.schema import Answer, ModelType, Question
from bentos.serving.problems import Refused

RELEASED = Path(load_model.__file__).with_name("released")
MODELS = get_args(ModelType)


def assert_sound(answer: Answer, question: Question) -> None:
    """What holds of every answer."""
    assert [day.date for day in answer.days] == question.days
    for day in answer.days:
        assert 0 < day.p5 <= day.p10 <= day.p50 <= day.p90 <= day.p95 < math.inf
        assert day.p5 <= day.mean
        assert 0 <= day.p_top10 <= 1
    assert sum(day.p_top10 for day in answer.days) == pytest.approx(10, abs=1e-3)
    by_date = {day.date: day for day in answer.days}
    assert [peak.rank for peak in answer.top10] == list(range(1, 11))
    assert len({peak.date for peak in answer.top10}) == 10
    values = [peak.value for peak in answer.top10]
    assert values == sorted((day.mean for day in answer.days), reverse=True)[:10]
    for peak in answer.top10:
        day = by_date[peak.date]
        assert (peak.value, peak.p10, peak.p90, peak.probability) == (day.mean, day.p10, day.p90, day.p_top10)
        assert peak.unit == answer.unit == question.unit


@pytest.mark.parametrize("name", MODELS)
def test_every_model_answers_a_sound_month_under_its_own_name(ask, released, name):
    question = ask(model_type=name, unit="kW", country="AU", subdivision="VIC")
    answer = released.answer(question)
    assert_sound(answer, question)
    assert (answer.model.model_type, answer.model.version) == (name, released.manifest.version)
    assert answer.origin == date(2024, 4, 30)
    assert any("fitted on another series" in warning for warning in answer.warnings)


@pytest.mark.parametrize(
    ("zone", "last", "count"),
    [
        ("Europe/Berlin", "2024-02-29", 31),
        ("Europe/Berlin", "2024-09-30", 31),
        ("Australia/Melbourne", "2024-03-31", 30),
        ("America/New_York", "2024-10-31", 30),
        ("Asia/Shanghai", "2024-01-31", 29),
        ("UTC", "2023-01-31", 28),
    ],
)
def test_months_with_a_clock_change_and_februaries_have_their_calendars_days(ask, released, zone, last, count):
    question = ask(500, last, timezone=zone)
    answer = released.answer(question)
    assert len(answer.days) == count
    assert_sound(answer, question)


@pytest.mark.parametrize(
    ("count", "model", "warned"),
    [
        (14, "Baseline", "Only 14 days: the mean of the same weekdays answers"),
        (59, "Baseline", "Only 59 days: the mean of the same weekdays answers"),
        (60, "Ensemble", "Only 60 days: the time of year cannot be told"),
        (399, "Ensemble", "Only 399 days: the time of year cannot be told"),
        (400, "Ensemble", None),
    ],
)
def test_how_much_history_there_is_decides_who_answers_and_is_said(ask, released, count, model, warned):
    question = ask(count, country="DE")
    answer = released.answer(question)
    assert_sound(answer, question)
    assert answer.model.model_type == model
    said = [warning for warning in answer.warnings if warning.startswith("Only")]
    assert [warning.startswith(warned or "") for warning in said] == [True] * bool(warned)


def test_what_is_lacking_or_left_out_is_said(ask, series, released):
    now = datetime.now(UTC).date()
    rows = [{"date": row["date"], "load": row["load"]} for row in series(100, now.isoformat())]
    answer = released.answer(ask(series=[*rows[:50], *rows[52:]]))
    assert answer.origin == now - timedelta(days=1)
    said = " ".join(answer.warnings)
    assert f"{now} has not ended in UTC and was left out" in said
    assert f"2 missing days were filled from the same weekday before: {rows[50]['date']}, {rows[51]['date']}." in said
    assert "No country is given" in said
    assert "No temperatures are given" in said


def test_the_same_question_in_any_order_has_the_same_answer(ask, series, released):
    may = [{"date": f"2024-05-{day:02d}", "temperature": 10.0 + day % 9} for day in range(1, 32)]
    one = released.answer(ask(weather="forecast", weather_ahead=may))
    rows = series()
    np.random.default_rng(0).shuffle(rows)
    assert released.answer(ask(series=rows, weather="forecast", weather_ahead=may[::-1])) == one


def test_days_of_the_month_that_are_known_are_certain(ask, series, released):
    rows = series(500, "2024-05-20")
    question = ask(series=rows, year=2024, month=5)
    answer = released.answer(question)
    for day, row in zip(answer.days, rows[-20:], strict=False):
        assert day.p5 == day.p50 == day.p95 == day.mean == pytest.approx(row["load"], rel=1e-5)
    assert all(day.p5 < day.p95 for day in answer.days[20:])
    assert sum(day.p_top10 for day in answer.days) == pytest.approx(10, abs=1e-3)


def test_a_doubled_series_has_a_doubled_forecast(ask, series, released):
    one = released.answer(ask())
    doubled = released.answer(ask(series=[{**row, "load": 2 * row["load"]} for row in series()]))
    for day, twice in zip(one.days, doubled.days, strict=True):  # other paths are drawn: equal but for chance
        assert twice.mean == pytest.approx(2 * day.mean, rel=0.01)
        assert twice.p50 == pytest.approx(2 * day.p50, rel=0.01)


def test_a_history_that_cannot_be_still_answers_in_numbers(ask, series, released):
    loads = 10 ** np.random.default_rng(0).uniform(-300, 12, size=500)
    rows = [{**row, "load": float(load)} for row, load in zip(series(500), loads, strict=True)]
    answer = released.answer(ask(series=rows))
    assert all(math.isfinite(value) for day in answer.days for value in day.model_dump(exclude={"date"}).values())


def test_27_years_are_answered_within_a_second(ask, released):
    first = date(1997, 1, 1)
    rows = [
        {
            "date": (first + timedelta(days=i)).isoformat(),
            "load": 100.0 + i % 7,
            "temperature": 15 + 10 * math.sin(i / 58),
        }
        for i in range(10_000)
    ]
    question = ask(series=rows, country="CN")
    taken = []
    for _ in range(2):
        begun = process_time()
        released.answer(question)
        taken.append(process_time() - begun)
    assert min(taken) < 1


def test_a_question_in_json_is_answered_in_json(ask, released):
    question = ask(100)
    assert released.respond(question.model_dump_json().encode()) == released.answer(question).model_dump_json().encode()
    sample = Question.model_validate_json(released.sample_question())
    assert released.respond(released.sample_question()) == released.answer(sample).model_dump_json().encode()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"{", (400, "json_invalid", [""])),
        (b'{"series": [{"date": "2024-05-01"}]}', (422, "missing", ["/series/0/load"])),
        ({"year": 2024}, (422, "month_incomplete", [""])),
        ({"country": "XX"}, (422, "region_unknown", [])),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_a_code_and_a_place(series, released, asked, said):
    body = asked if isinstance(asked, bytes) else json.dumps({"series": series(100), **asked}).encode()
    with pytest.raises(Refused) as refused:
        released.respond(body)
    places = [fault["pointer"] for fault in refused.value.errors]
    assert (refused.value.status, refused.value.code, places) == said


def test_an_unknown_place_is_no_answer_without_holidays(ask, released):
    with pytest.raises(RegionError, match="leave country and subdivision out"):
        released.answer(ask(country="XX"))


def test_the_covariates_known_ahead_change_the_forecast(ask, released):
    def means(**fields) -> np.ndarray:
        return np.array([day.mean for day in released.answer(ask(**fields)).days])

    def may(celsius: float) -> dict:
        ahead = [{"date": f"2024-05-{day:02d}", "temperature": celsius} for day in range(1, 32)]
        return {"weather": "forecast", "weather_ahead": ahead}

    assert (means(**may(2)) > 1.05 * means(**may(18))).all()  # the generated town heats
    one_hot_day = may(18)
    one_hot_day["weather_ahead"][14]["temperature"] = 35.0
    changed = np.abs(means(**one_hot_day) / means(**may(18)) - 1) > 0.01
    assert 14 in np.flatnonzero(changed)
    assert not changed[:14].any()


def test_a_holiday_of_the_country_changes_its_day(ask, series, released):
    rows = series()
    for row in rows:
        if row["date"][5:] in ("05-01", "10-03", "12-25", "12-26", "01-01"):
            row["load"] *= 0.7
    free = {day.date: day.mean for day in released.answer(ask(series=rows, country="DE")).days}
    unaware = {day.date: day.mean for day in released.answer(ask(series=rows)).days}
    assert free[date(2024, 5, 1)] < 0.85 * unaware[date(2024, 5, 1)]
    assert free[date(2024, 5, 15)] == pytest.approx(unaware[date(2024, 5, 15)], rel=0.03)
