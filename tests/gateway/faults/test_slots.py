"""When a unit is predicted: at the end of each interval, once, as soon as its readings are there."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.faults.slots import GRACE, due, floor

QUARTER, WEEK = timedelta(minutes=15), timedelta(days=7)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def slots(done: datetime, newest: datetime, now: datetime) -> tuple[datetime, ...]:
    return due(done, newest, QUARTER, now, WEEK).due


def test_a_reading_at_the_end_of_an_interval_makes_it_due_at_once():
    assert slots(NOON, NOON + QUARTER, NOON + QUARTER) == (NOON + QUARTER,)


def test_an_interval_whose_last_reading_is_late_is_given_some_minutes():
    newest = NOON + timedelta(minutes=14)
    assert slots(NOON, newest, NOON + QUARTER) == ()
    assert slots(NOON, newest, NOON + QUARTER + GRACE) == (NOON + QUARTER,)


def test_an_old_interval_that_is_still_being_read_waits_for_what_comes_after_it():
    assert slots(NOON, NOON + timedelta(minutes=1), NOON + timedelta(days=3)) == ()
    assert slots(NOON, NOON + QUARTER, NOON + timedelta(days=3)) == (NOON + QUARTER,)


def test_without_new_readings_nothing_is_due_however_late_it_is():
    assert slots(NOON, NOON, NOON + timedelta(days=3)) == ()


def test_after_an_outage_all_intervals_are_made_up_for_in_their_order():
    found = slots(NOON, NOON + timedelta(hours=2), NOON + timedelta(hours=2))
    assert found == tuple(NOON + k * QUARTER for k in range(1, 9))


def test_what_is_too_long_ago_is_left_out_and_counted():
    found = due(NOON, NOON + timedelta(days=10), QUARTER, NOON + timedelta(days=10), WEEK)
    assert found.due[0] == NOON + timedelta(days=3) + QUARTER
    assert found.skipped == 3 * 96


moments = st.timedeltas(timedelta(0), timedelta(days=11)).map(lambda later: NOON + later)
intervals = st.sampled_from([timedelta(minutes=1), QUARTER, timedelta(hours=6), timedelta(days=1)])


@settings(deadline=None)
@given(moments, moments, moments, intervals)
def test_slots_are_ends_of_intervals_after_the_last_one_and_never_before_their_time(done, newest, now, interval):
    found = due(done, newest, interval, now, WEEK)
    assert all(slot == floor(slot, interval) and done < slot for slot in found.due)
    assert all(slot <= newest or slot + GRACE <= now for slot in found.due)
    assert all(later - earlier == interval for earlier, later in zip(found.due, found.due[1:], strict=False))
    assert len(found.due) <= WEEK / interval


@settings(deadline=None)
@given(moments, moments, st.lists(st.integers(0, 10_000), max_size=6), intervals)
def test_it_does_not_matter_how_often_somebody_looks(done, newest, minutes, interval):
    now = newest + timedelta(days=30)
    at_once = due(done, newest, interval, now, timedelta(days=400)).due
    bit_by_bit, reached = [], done
    for later in [*sorted(newest - timedelta(minutes=m) for m in minutes), newest]:
        found = due(reached, later, interval, later, timedelta(days=400)).due
        bit_by_bit += found
        reached = found[-1] if found else reached
    bit_by_bit += due(reached, newest, interval, now, timedelta(days=400)).due
    assert tuple(bit_by_bit) == at_once
