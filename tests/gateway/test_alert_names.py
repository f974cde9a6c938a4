"""A model may see that something fails before it sees what: one alert, which gets its name later."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from alarms import HOUR, MINUTE, START, Clock, book, finding
from sqlalchemy import select

from gateway import store
from gateway.alerts import desk, states, versions
from gateway.alerts.desk import By
from gateway.alerts.lifecycle import Acknowledge, Close
from gateway.alerts.rules import Threshold
from gateway.alerts.tables import AlertRow, AlertStep
from gateway.alerts.versions import Change
from gateway.rights import KEYHOLDER

EARLY = Threshold(on=0.3, off=0.2, on_delay_s=(600, 600, 600, 0), off_delay_s=1800)
QUARTER = 15 * MINUTE


@pytest.fixture
def clock():
    return Clock(book(EARLY))


def unnamed(**more):
    """Something fails, the model does not say what; a healthy level, by which thresholds on the chance see more."""
    return finding(level=0, chance=0.5, **more)


def said_for(clock, span, *findings):
    for _ in range(int(span / QUARTER)):
        clock.say(*findings)
        clock.on(QUARTER)


def test_an_alert_without_a_name_gets_it_and_nobody_is_called_again(clock):
    said_for(clock, HOUR, unnamed())
    assert clock.states() == ["AHU-1 None active"]
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    assert clock.states() == ["AHU-1 F-FILTER active"]
    assert [notice.kind for notice in clock.told()] == ["raised"]
    assert [step.note for step in clock.book.steps if step.note] == ["named F-FILTER"]


def test_what_people_did_to_it_stays_and_a_higher_level_is_told_by_its_name(clock):
    said_for(clock, HOUR, unnamed())
    desk.apply(clock.book, clock.book.rows[-1], Acknowledge(), clock.now)
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    assert clock.states() == ["AHU-1 F-FILTER acknowledged"]
    said_for(clock, HOUR, finding(level=4, chance=0.9))
    assert [(notice.kind, notice.fault) for notice in clock.told()][-1] == ("escalated", "F-FILTER")


def test_a_model_that_is_no_longer_sure_of_the_name_opens_no_second_alert(clock):
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    said_for(clock, HOUR, unnamed())
    assert clock.states() == ["AHU-1 F-FILTER active"]
    assert [notice.kind for notice in clock.told()] == ["raised"]


def test_once_the_named_one_is_over_something_without_a_name_is_an_alert_again(clock):
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    said_for(clock, HOUR, finding(level=0, chance=0.1))
    said_for(clock, HOUR, unnamed())
    assert clock.states() == ["AHU-1 F-FILTER cleared", "AHU-1 None active"]
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    assert clock.states() == ["AHU-1 F-FILTER cleared", "AHU-1 F-FILTER active"]
    assert [row.slot is None for row in clock.book.rows] == [True, False]


def test_what_somebody_closed_is_not_opened_by_what_had_no_name(clock):
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    desk.apply(clock.book, clock.book.rows[-1], Close(), clock.now, By(name="Li"))
    said_for(clock, HOUR, unnamed())
    said_for(clock, HOUR, finding(level=1, chance=0.5))
    assert clock.states() == ["AHU-1 F-FILTER closed", "AHU-1 None cleared"]


def test_on_every_database_the_name_is_the_key_from_then_on(database):
    with store.transaction(database) as session:
        versions.set_threshold(session, (None, None), EARLY, Change(KEYHOLDER, START))
    named, healthy = finding(level=1, chance=0.5), finding(level=0, chance=0.1)
    for minute, one in {0: named, 40: healthy, 80: healthy, 180: unnamed(), 195: unnamed(), 210: named}.items():
        say(database, one, START + minute * MINUTE)
    with store.transaction(database) as session:
        alerts = session.scalars(select(AlertRow).order_by(AlertRow.created_at))
        rows = [(row.fault, row.state, row.slot is None) for row in alerts]
        notes = [step.note for step in session.scalars(select(AlertStep)) if step.note]
    assert rows == [("F-FILTER", "cleared", True), ("F-FILTER", "active", False)]
    assert notes == ["named F-FILTER"]


def say(database, said, now):
    with store.transaction(database) as session:
        states.observe(session, said, now)
        states.tick(session, now + timedelta(minutes=11))
