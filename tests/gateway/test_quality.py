"""The quality view finds what is planted in a plain series, names its days, and is silent about the rest."""

import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book

from bentos.load.sample import sample_series
from gateway.quality import History, look
from gateway.series import POWER, SLOTS

FIRST = date(2024, 1, 1)


def series(change=lambda day, load: load, days=200):
    """A load with a week in it and digits that differ; None takes the day away."""
    all_days = [FIRST + timedelta(n) for n in range(days)]
    loads = {day: 900.0 + 40 * (day.weekday() < 5) + (day.toordinal() * 7919 % 101) / 10 for day in all_days}
    kept = {day: changed for day, load in loads.items() if (changed := change(day, load)) is not None}
    unknown = [None] * len(kept)
    return History(POWER, list(kept), dict.fromkeys(SLOTS, unknown) | {"load": list(kept.values())})


def on(*numbers, to):
    """Changes the load of these days."""
    days = {FIRST + timedelta(n) for n in numbers}
    return lambda day, load: to(load) if day in days else load


PLANTED = {
    "a day missing": (on(50, to=lambda _: None), "gap", 1, FIRST + timedelta(50)),
    "a week missing": (on(*range(50, 57), to=lambda _: None), "gap", 7, FIRST + timedelta(50)),
    "kW for MW": (on(60, 61, to=lambda load: load * 1000), "unit-slip", 2, FIRST + timedelta(60)),
    "GW for MW": (on(60, to=lambda load: load / 1000), "unit-slip", 1, FIRST + timedelta(60)),
    "a digit too many": (on(70, to=lambda load: load * 10), "outlier", 1, FIRST + timedelta(70)),
    "half a day": (on(70, to=lambda load: load / 2), "outlier", 1, FIRST + timedelta(70)),
    "a meter that stood": (on(80, 81, 82, to=lambda _: 905.5), "flat-line", 3, FIRST + timedelta(80)),
    "nothing measured": (on(90, 95, to=lambda _: 0.0), "zero", 2, FIRST + timedelta(90)),
}


@pytest.mark.parametrize(("change", "kind", "count", "first"), PLANTED.values(), ids=PLANTED)
def test_what_is_planted_is_found_and_nothing_else(change, kind, count, first):
    (finding,) = look(series(change))
    assert (finding.kind, finding.count, finding.first) == (kind, count, first)
    assert finding.message
    assert finding.remedy


def test_weekdays_that_never_come_are_named():
    found = look(series(lambda day, load: load if day.weekday() < 5 else None))
    assert [finding.message[:14] for finding in found if finding.kind == "weekday-missing"] == [
        "Most Saturdays",
        "Most Sundays a",
    ]


def test_a_plain_series_an_empty_one_and_a_single_day_have_nothing_remarkable():
    assert look(series()) == look(series(days=0)) == look(series(days=1)) == []


def test_values_on_both_sides_of_a_gap_are_no_flat_line():
    planted = series(lambda day, load: None if day == FIRST + timedelta(2) else 900.5, days=5)
    assert [finding.kind for finding in look(planted)] == ["gap"]


def test_the_sample_series_has_no_fault_in_it():
    rows = sample_series()
    days = [date.fromisoformat(row["date"]) for row in rows]
    values = {slot: [row[slot] for row in rows] for slot in SLOTS}
    assert {finding.kind for finding in look(History(POWER, days, values))} <= {"outlier"}


def test_the_view_tells_what_the_callers_own_days_look_like(caller, somebody):
    rows = [[FIRST + timedelta(n), None, None, None, 900.0 + n % 7 + n / 10] for n in range(60) if n != 30]
    for _ in range(2):
        caller.post("/api/data/import", files={"file": ("x.xlsx", book(rows), XLSX)})
    seen = caller.get("/api/data/quality").json()
    assert (seen["days"], seen["first"], seen["last"]) == (59, "2024-01-01", "2024-02-29")
    assert [(finding["kind"], finding["count"]) for finding in seen["findings"]] == [("duplicate", 59), ("gap", 1)]
    assert caller.get("/api/v1/readings/quality", params={"end_date": "2024-01-30"}).json()["days"] == 30
    assert somebody().get("/api/data/quality").json() == {"days": 0, "first": None, "last": None, "findings": []}
