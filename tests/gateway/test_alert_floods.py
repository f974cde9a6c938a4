"""Much at once, on a virtual clock: units that go silent together, and alerts by the thousand."""

import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alarms import HOUR, MINUTE, START, Clock, book, every_quarter, finding, healthy

from gateway.alerts import desk
from gateway.alerts.desk import By
from gateway.alerts.lifecycle import Close

SOMEBODY = By(name="Li")


def test_one_silent_unit_is_told_by_name_and_over_as_soon_as_it_is_heard():
    clock = Clock(book(units=10))
    for _ in range(5):
        desk.silence(clock.book, "AHU-1", "readings", START, clock.now)
        clock.on(MINUTE)
    (notice,) = clock.told()
    assert (notice.kind, notice.unit_id, notice.fault, notice.at - START) == (
        "silence", "AHU-1", "F-COMMS", timedelta(seconds=30),
    )  # fmt: skip
    assert notice.details["since"] == START.isoformat()
    desk.heard(clock.book, "AHU-1", "readings", clock.now)
    assert [notice.kind for notice in clock.told()] == ["silence", "cleared"]


def test_when_everything_is_silent_at_once_one_alert_says_so_and_those_that_stay_silent_follow():
    units = [f"AHU-{number}" for number in range(50)]
    clock = Clock(book(units=len(units)))
    for _ in range(60):
        for unit in units:
            desk.silence(clock.book, unit, "readings", START, clock.now)
        clock.on(MINUTE)
    assert [(notice.kind, notice.unit_id) for notice in clock.told("silence")] == [("silence", "")]
    for unit in units[:-1]:
        desk.heard(clock.book, unit, "readings", clock.now)
    clock.on(MINUTE)
    assert [(notice.kind, notice.unit_id) for notice in clock.told("silence", "cleared")] == [
        ("silence", ""), ("cleared", ""), ("silence", "AHU-49"),
    ]  # fmt: skip


def test_the_installations_silence_ends_although_somebody_closed_those_of_its_units():
    clock = Clock(book(units=2))
    for unit in ("AHU-1", "AHU-2"):
        desk.silence(clock.book, unit, "readings", START, clock.now)
    clock.on(MINUTE)
    for row in clock.book.silent("readings"):
        desk.apply(clock.book, row, Close(), clock.now, SOMEBODY)
    desk.heard(clock.book, "AHU-1", "readings", clock.now)
    assert [row.state for row in clock.book.rows if row.unit_id == ""] == ["cleared"]


def test_a_predictor_that_stops_is_one_alert_for_all():
    clock = Clock(book(units=50))
    desk.silence(clock.book, "", "predictions", START, clock.now)
    clock.on(HOUR)
    assert [(notice.kind, notice.unit_id) for notice in clock.told()] == [("silence", ""), ("escalated", "")]
    assert "inference" in clock.told()[0].action["en"]
    desk.heard(clock.book, "", "predictions", clock.now)
    assert clock.states() == [" predictions cleared"]


def test_a_thousand_alerts_in_one_moment_are_four_calls_and_a_summary():
    clock = Clock(book())
    for number in range(1000):
        clock.say(finding(f"AHU-{number}", level=1 + number % 4))
    clock.on(15 * MINUTE)
    kinds = Counter(notice.kind for notice in clock.told())
    assert kinds["flood"] == 2  # the critical ones, and those that wait ten minutes before they are raised
    assert kinds.total() - kinds["flood"] <= 5
    summaries = clock.told("flood")
    assert sum(notice.details["count"] for notice in summaries) >= 995
    assert summaries[0].level == 4
    assert len(summaries[0].details["lines"]) == 20


def test_a_thousand_alerts_over_ten_minutes_are_at_most_five_calls_and_summaries():
    clock = Clock(book())
    for second in range(0, 600, 30):
        clock.say(*(finding(f"AHU-{second}-{number}", level=4) for number in range(50)))
        clock.on(timedelta(seconds=30))
    clock.on(4 * MINUTE)
    kinds = Counter(notice.kind for notice in clock.told())
    assert kinds.total() - kinds["flood"] <= 5
    assert kinds["flood"] <= 2


def test_after_a_flood_the_lights_that_its_summary_lit_go_off():
    clock = Clock(book())
    every_quarter(clock, HOUR, *(finding(f"AHU-{number}") for number in range(20)))
    every_quarter(clock, 2 * HOUR, *(healthy(f"AHU-{number}") for number in range(20)))
    quiet = [notice for notice in clock.book.notices if notice.details.get("quiet")]
    assert [(notice.kind, notice.unit_id) for notice in quiet] == [("cleared", "")]
    assert len(clock.told("cleared")) == len(clock.told("raised")) == 4


def test_a_fifth_alert_that_stays_alone_is_told_as_it_is_a_minute_later():
    clock = Clock(book())
    clock.say(*(finding(f"AHU-{number}") for number in range(5)))
    clock.on(11 * MINUTE + timedelta(seconds=1))
    assert [notice.kind for notice in clock.told()] == ["raised"] * 5
