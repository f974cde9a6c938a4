"""What makes a reading good or bad, on a virtual clock."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from plants import NOW, ZONE

from bentos.fault.points import POINTS
from gateway.telemetry import rules
from gateway.telemetry.rules import LIMITS

MINUTE = timedelta(minutes=1)


def judged(values, point=ZONE, every=MINUTE):
    """The quality that each of these has in the end."""
    state, found = None, []
    for n, value in enumerate(values):
        at = NOW + n * every
        quality, settled = rules.judge(LIMITS[point], state, at, value)
        if settled is not None:
            found[-1] = settled
        state = rules.after(state, at, value, quality)
        found.append(quality)
    return found


@pytest.mark.parametrize("point", POINTS)
def test_what_no_sound_sensor_can_say_is_out_of_range(point):
    low, high = POINTS[point].low, POINTS[point].high
    assert judged([low, high], point, timedelta(days=1)) == ["good", "good"]
    for value in (low - 0.01, high + 0.01):
        assert judged([value], point) == ["range"]


def test_a_value_that_jumps_away_and_back_was_a_spike():
    assert judged([21.0, 21.1, 35.0, 21.1, 21.2]) == ["good", "good", "spike", "good", "good"]


def test_a_jump_that_the_next_reading_confirms_was_real():
    assert judged([21.0, 30.0, 30.2, 30.1]) == ["good"] * 4


def test_a_value_that_keeps_jumping_about_is_too_fast():
    assert judged([21.0, 30.0, 40.0, 50.0]) == ["good", "rate", "rate", "rate"]


def test_after_an_hour_of_silence_a_value_may_be_anything():
    assert judged([21.0, 40.0], every=timedelta(minutes=59)) == ["good", "rate"]
    assert judged([21.0, 40.0], every=timedelta(minutes=61)) == ["good", "good"]


@pytest.mark.parametrize("point", ["supply_fan_status", "supply_air_flow", "cooling_valve_position"])
def test_commands_states_and_flows_may_jump_and_stand_still(point):
    assert judged([0.0, 1.0, 0.0, *[1.0] * 100], point, timedelta(hours=1)) == ["good"] * 103


def test_a_temperature_that_stands_still_for_a_day_is_flat_until_it_moves():
    found = judged([21.0] * 30 + [21.1], every=timedelta(hours=1))
    assert found == ["good"] * 24 + ["flat"] * 6 + ["good"]


def test_a_reading_without_a_value_or_out_of_range_changes_nothing_for_the_next():
    assert judged([21.0, None, 99.0, 21.1]) == ["good", "missing", "range", "good"]
