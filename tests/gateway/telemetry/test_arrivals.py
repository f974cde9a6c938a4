"""The hall: each reading is stored once, whatever comes twice, late, early, or from nobody that is known."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from plants import NOW, ZONE, declare, record

from gateway.telemetry import readings
from gateway.telemetry.arrivals import Terms, take
from gateway.telemetry.letters import Door
from gateway.telemetry.records import Record
from gateway.telemetry.tables import DeadLetter, Latest, Reading

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def counts(receipt):
    return receipt.accepted, receipt.duplicates, receipt.quarantined, receipt.late, len(receipt.refused)


def stored(database):
    wanted = select(Reading.unit_id, Reading.point, Reading.at, Reading.value, Reading.quality)
    with Session(database) as session:
        return [tuple(row) for row in session.execute(wanted.order_by(Reading.at, Reading.point))]


def test_readings_are_stored_once_on_every_database(database):
    declare(database, "u1", "u2")
    several = [record(NOW - n * MINUTE, 20 + n / 10, n) for n in range(1, 30)]
    several += [record(NOW - n * MINUTE, 20.0, n, unit_id="u2") for n in range(30, 60)]
    assert counts(take(database, several, NOW)) == (59, 0, 0, 0, 0)
    assert counts(take(database, several, NOW)) == (0, 59, 0, 0, 0)
    assert counts(take(database, [record(NOW - HOUR / 2 - MINUTE / 2)], NOW)) == (1, 0, 0, 1, 0)
    assert len(stored(database)) == 60
    with Session(database) as session:
        assert readings.newest(session) == {"u1": NOW - MINUTE, "u2": NOW - 30 * MINUTE}
        assert readings.heard(session) == {"u1": NOW, "u2": NOW}
        assert session.get(Latest, ("u1", ZONE)).value == 20.1


def test_the_receipt_tells_the_newest_time_of_each_unit(plant):
    several = [record(NOW - n * MINUTE, 20.0, n, unit_id=unit) for unit in ("u1", "u2") for n in (2, 1, 3)]
    assert take(plant, several, NOW).units == {"u1": NOW - MINUTE, "u2": NOW - MINUTE}


def test_of_two_readings_of_one_moment_the_first_stays_in_a_batch_and_afterwards(plant):
    assert counts(take(plant, [record(NOW, 20.0), record(NOW, 21.0, 2)], NOW)) == (1, 1, 0, 0, 0)
    assert counts(take(plant, [record(NOW, 22.0)], NOW)) == (0, 1, 0, 0, 0)
    assert [row[3] for row in stored(plant)] == [20.0]


def test_an_event_that_comes_again_is_dropped_whatever_it_says(plant):
    event = {"source": "/ahu/1", "id": "a"}
    assert counts(take(plant, [record(NOW, **event), record(NOW - MINUTE, **event)], NOW)) == (2, 0, 0, 0, 0)
    again = [record(NOW + MINUTE, 21.0, **event), record(NOW + 2 * MINUTE, 21.0, 2, source="/ahu/1", id="b")]
    assert counts(take(plant, again, NOW)) == (1, 1, 0, 0, 0)
    twice = [record(NOW + n * MINUTE, 21.0, n, source="/ahu/1", id="c") for n in (3, 4)]
    assert counts(take(plant, twice, NOW)) == (1, 1, 0, 0, 0)


def test_a_series_is_enough_where_it_is_declared(plant):
    assert counts(take(plant, [record(NOW, series="u2/zone_temperature")], NOW)) == (1, 0, 0, 0, 0)
    assert stored(plant)[0][:2] == ("u2", ZONE)


@pytest.mark.parametrize(
    ("uom", "value", "kept"),
    [("[degF]", 68.0, 20.0), ("K", 293.15, 20.0), ("Cel", 20.0, 20.0), (None, 20.0, 20.0)],
)
def test_numbers_are_stored_in_one_unit_of_measure(plant, uom, value, kept):
    take(plant, [record(NOW, value, uom=uom)], NOW)
    assert stored(plant)[0][3] == pytest.approx(kept)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (record(NOW, unit_id="u9"), "unit-unknown"),
        (record(NOW, point="zone"), "point-unknown"),
        (record(NOW, series="nobody's"), "series-unknown"),
        (record(NOW, uom="Pa"), "unit-of-measure"),
        (record(NOW, uom="degC"), "unit-of-measure"),
        (record(NOW + 6 * MINUTE), "future"),
        (record(NOW - timedelta(days=401)), "too-old"),
        (record(NOW - timedelta(hours=73)), "too-late"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason_and_lies_in_the_dead_letters(plant, wrong, reason):
    right = record(NOW - MINUTE, 20.0, 7)
    take(plant, [right], NOW)
    receipt = take(plant, [wrong, record(NOW, 20.0, 2)], NOW)
    assert counts(receipt) == (1, 0, 0, 0, 1)
    (refused,) = receipt.refused
    assert (refused.line, refused.reason) == (1, reason)
    assert refused.remedy
    with Session(plant) as session:
        (letter,) = session.scalars(select(DeadLetter))
        assert (letter.reason, letter.given["value"], letter.door) == (reason, 21.0, "http")
    take(plant, [wrong], NOW)
    with Session(plant) as session:
        assert len(session.scalars(select(DeadLetter)).all()) == 1


def test_what_comes_late_within_the_window_is_counted_and_judged_by_its_range_alone(plant):
    take(plant, [record(NOW, 21.0)], NOW)
    late = [record(NOW - HOUR, 45.0), record(NOW - 2 * HOUR, 99.0, 2)]
    assert counts(take(plant, late, NOW)) == (2, 0, 1, 2, 0)
    assert [(row[3], row[4]) for row in stored(plant)] == [(99.0, "range"), (45.0, "good"), (21.0, "good")]


def test_a_first_history_is_not_late_however_old_it_is(plant):
    history = [record(NOW - timedelta(days=300) + n * HOUR, 21.0, n) for n in range(100)]
    assert counts(take(plant, history, NOW)) == (100, 0, 0, 0, 0)


def test_how_late_and_how_old_can_be_set(plant):
    take(plant, [record(NOW, 21.0)], NOW)
    terms = Terms(timedelta(days=1), HOUR)
    late = take(plant, [record(NOW - 2 * HOUR), record(NOW - 25 * HOUR, 21.0, 2)], NOW, terms)
    assert [refused.reason for refused in late.refused] == ["too-old", "too-late"]


def test_what_came_is_counted_for_prometheus(plant):
    def told(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0.0

    counted = {"door": "test", "result": "accepted"}
    unknown = told("forewatt_ingest_dlq_total", reason="unit-unknown")
    several = [record(NOW - MINUTE), record(NOW, unit_id="u9")]
    take(plant, several, NOW, door=Door("test"))
    assert told("forewatt_ingest_readings_total", **counted) == 1
    assert told("forewatt_ingest_lag_seconds", door="test") == 60
    assert told("forewatt_ingest_dlq_total", reason="unit-unknown") == unknown + 1


def test_many_at_the_same_time_store_each_reading_once(plant):
    several = [record(NOW - n * MINUTE, 20 + n / 10, n, source="s", id=str(n)) for n in range(200)]
    with ThreadPoolExecutor(4) as many:
        receipts = list(many.map(lambda _: take(plant, several, NOW), range(8)))
    assert sum(receipt.accepted for receipt in receipts) == len(stored(plant)) == 200
    assert sum(receipt.duplicates for receipt in receipts) == 7 * 200


times = st.integers(0, 300).map(lambda n: NOW - n * MINUTE)
arrivals = st.lists(st.tuples(st.integers(1, 9), times, st.floats(10, 30)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(arrivals, max_size=5))
def test_in_whatever_batches_they_come_a_moment_is_stored_once_with_the_first_value(plant, batches):
    unit, first = uuid4().hex, {}
    declare(plant, unit, points=[ZONE])
    for batch in batches:
        receipt = take(plant, [Record(*one, unit, ZONE) for one in batch], NOW)
        assert receipt.accepted + receipt.duplicates == len(batch)
        for _, at, value in batch:
            first.setdefault(at, value)
    assert {row[2]: row[3] for row in stored(plant) if row[0] == unit} == first
