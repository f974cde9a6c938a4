"""Stored readings as a model wants them; and what is too old goes."""

import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from plants import NOW, ZONE, record

from bentos.fault.points import POINTS
from bentos.fault.schema import Question
from bentos.fault.series import REQUIRED
from gateway.settings import Settings
from gateway.telemetry import readings, retention
from gateway.telemetry.arrivals import take
from gateway.telemetry.records import Record
from gateway.telemetry.tables import DeadLetter, Event, Reading

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def window(database, since=NOW - DAY, until=NOW + MINUTE):
    with Session(database) as session:
        return readings.window(session, "u1", since, until)


def test_a_window_of_three_days_is_a_question_as_it_is(plant):
    middle = {name: (point.low + point.high) / 2 for name, point in POINTS.items()}
    quarters = [NOW - n * 15 * MINUTE for n in range(1, 289)]
    take(plant, [Record(1, at, value, "u1", name) for at in quarters for name, value in middle.items()], NOW)
    asked = Question.model_validate({"unit_id": "u1", **window(plant, NOW - 3 * DAY)})
    assert len(asked.times) == 288
    assert asked.points.given().keys() == POINTS.keys()


def test_what_is_quarantined_is_null_and_what_stands_still_is_not(plant):
    values = [21.0, 99.0, 21.1, 35.0, 21.2, None]
    take(plant, [record(NOW - (9 - n) * MINUTE, value, n) for n, value in enumerate(values)], NOW)
    found = window(plant)
    assert found["points"][ZONE] == {"unit": "Cel", "values": [21.0, 21.1, 21.2]}
    take(plant, [record(NOW - 9 * MINUTE, 22.0, point="return_air_temperature")], NOW)
    take(plant, [record(NOW - 8 * MINUTE, 22.0, point="return_air_temperature")], NOW)
    found = window(plant)
    assert found["points"][ZONE]["values"] == [21.0, None, 21.1, 21.2]
    assert set(REQUIRED) <= found["points"].keys()


def test_of_several_readings_in_a_minute_the_last_is_given(plant):
    take(plant, [record(NOW - timedelta(seconds=n), 21 + n / 100, n) for n in (10, 20, 30)], NOW)
    assert window(plant)["times"] == [(NOW - MINUTE).isoformat()]
    assert window(plant)["points"][ZONE]["values"] == [21.1]


def test_a_window_has_its_beginning_and_not_its_end_and_no_other_unit(plant):
    take(plant, [record(NOW - n * MINUTE, 21.0, n) for n in range(4)], NOW)
    take(plant, [record(NOW, 22.0, unit_id="u2")], NOW)
    found = window(plant, NOW - 2 * MINUTE, NOW)
    assert found["times"] == [(NOW - n * MINUTE).isoformat() for n in (2, 1)]


def test_what_is_too_old_goes_and_nothing_else(plant):
    settings = Settings(retention_days=30)
    several = [record(NOW - n * DAY, 21.0, n, source="s", id=str(n)) for n in (31, 29)]
    take(plant, [*several, record(NOW, unit_id="nobody")], NOW)
    for now, left in ((NOW, (1, 2, 1)), (NOW + 2 * DAY, (0, 2, 1)), (NOW + 31 * DAY, (0, 0, 0))):
        retention.sweep(plant, settings, now)
        retention.sweep(plant, settings, now)
        with Session(plant) as session:
            kinds = (Reading, Event, DeadLetter)
            assert tuple(session.scalar(select(func.count()).select_from(kind)) for kind in kinds) == left
