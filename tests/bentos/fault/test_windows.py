"""Windows are the same from a year as from a question, know nothing of the future, and show what they are for."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from air_handler import changed, healthy

from bentos.fault.points import NAMES
from bentos.fault.reference import DAILY, HISTORY_DAYS, Reference
from bentos.fault.windows import (
    CHANNELS,
    SPAN,
    STEP,
    STEPS,
    channels,
    daily,
    held,
    prepare,
    quarter_hours,
    reference_of,
    settled,
    updated,
    windows,
)

START = pd.Timestamp("2026-03-02", tz="UTC")
MONTHS = healthy(70, "2026-03-02")
REFERENCE = reference_of(MONTHS[: START + pd.Timedelta(days=27)])
PREPARED = prepare(MONTHS, REFERENCE)


def channel(window, name):
    return window[:, CHANNELS.index(name)]


def before(at, span=SPAN):
    """What a caller would send who asks ``at`` that moment."""
    return MONTHS[(MONTHS.index >= at - span) & (MONTHS.index < at)]


@settings(max_examples=25, deadline=None)
@given(quarter=st.integers(40 * 96, 70 * 96))
def test_a_window_out_of_months_is_the_window_of_a_question(quarter):
    at = START + quarter * STEP
    days = daily(MONTHS, REFERENCE)
    carried = REFERENCE.with_days(days[days.index + pd.Timedelta(days=1) <= at])
    asked = channels(before(at), Reference.model_validate_json(carried.model_dump_json()))
    assert np.array_equal(PREPARED.window(at), asked)


def test_the_same_holds_without_a_reference():
    at = START + 50 * 96 * STEP + 5 * STEP
    assert np.array_equal(prepare(MONTHS, None).window(at), channels(before(at), None))


def test_a_reference_updated_every_day_carries_what_months_at_once_would_show():
    carried = REFERENCE
    for day in range(30, 60):
        carried = updated(carried, before(START + pd.Timedelta(days=day)))
    at = START + pd.Timedelta(days=59)
    kept = carried.days()
    pd.testing.assert_frame_equal(
        kept[kept.index < at], daily(MONTHS, REFERENCE).loc[kept.index[0] : at - STEP], check_freq=False
    )
    assert len(kept) == 31


@settings(max_examples=10, deadline=None)
@given(quarter=st.integers(4 * 96, 69 * 96), point=st.sampled_from(NAMES), noise=st.floats(-1e3, 1e3))
def test_readings_after_the_moment_of_asking_change_nothing(quarter, point, noise):
    at = START + quarter * STEP
    other = changed(MONTHS, slice(quarter, None), **{point: noise})
    assert np.array_equal(PREPARED.window(at), prepare(other, REFERENCE).window(at))


def test_many_moments_are_each_as_if_asked_alone():
    moments = [START + pd.Timedelta(hours=h) for h in (800, 801, 1200)]
    stacked = windows(MONTHS, REFERENCE, moments)
    assert stacked.shape == (3, STEPS, len(CHANNELS))
    assert stacked.dtype == np.float32
    for row, at in zip(stacked, moments, strict=True):
        assert np.array_equal(row, PREPARED.window(at))


def test_minutes_are_averaged_by_quarter_hour():
    at = START + pd.Timedelta(days=50)
    quarters = before(at)
    minutes = quarters.loc[quarters.index.repeat(15)].set_axis(
        pd.date_range(quarters.index[0], periods=15 * len(quarters), freq="min")
    )
    np.testing.assert_allclose(channels(minutes, REFERENCE), channels(quarters, REFERENCE), atol=1e-5)


def test_a_missing_value_is_zero_and_said_to_be_missing():
    at = START + pd.Timedelta(days=50)
    silent = changed(before(at), slice(-40, -20), return_air_temperature=np.nan)
    window = channels(silent, REFERENCE)
    assert (channel(window, "return_air_temperature")[-40:-20] == 0).all()
    assert (channel(window, "known_return_air_temperature") == 0).sum() == 20
    assert np.isfinite(window).all()


def test_a_point_that_was_never_sent_leaves_the_rest_as_it_was():
    at = START + pd.Timedelta(days=50)
    whole, without = channels(before(at), REFERENCE), channels(before(at).drop(columns="supply_fan_power"), REFERENCE)
    different = {name for name in CHANNELS if not np.array_equal(channel(whole, name), channel(without, name))}
    power = {"supply_fan_power", "known_supply_fan_power", "residual_power_flow", "residual_power_speed"}
    assert power <= different <= power | {"long_power_flow", "long_power_speed"}


def test_a_slow_drift_shows_in_the_days_long_before_it_shows_in_an_hour():
    days = np.arange(len(MONTHS)) / 96
    drift = np.clip((days - 35) / 28, 0, None) * 2.0  # K in four weeks, noise 0.1 K
    drifting = changed(MONTHS, mixed_air_temperature=lambda column: column + drift)
    at = START + pd.Timedelta(days=47)
    moved = channel(prepare(drifting, REFERENCE).window(at), "long_mixing_high_damper")
    healthy_days, last_days = moved[: STEPS // HISTORY_DAYS * 20], moved[-24:]
    assert last_days.mean() > 5 * np.abs(healthy_days).mean()
    assert np.abs(channel(PREPARED.window(at), "long_mixing_high_damper")[-24:]).max() < last_days.min()


def test_a_reference_is_a_few_kilobytes_even_with_its_history():
    carried = updated(REFERENCE, MONTHS)
    assert len(carried.history) == HISTORY_DAYS
    assert len(carried.model_dump_json()) < 10_000
    assert set(carried.days()) == {*DAILY, "hours"}


def test_a_healthy_period_must_be_long_enough_and_the_unit_must_have_run():
    with pytest.raises(ValueError, match="14 days"):
        reference_of(MONTHS[: START + pd.Timedelta(days=10)])
    with pytest.raises(ValueError, match="two hours a day"):
        reference_of(changed(MONTHS, supply_fan_status=0.0))


def test_a_reference_of_other_laws_is_refused():
    other = REFERENCE.model_dump(mode="json")
    del other["laws"]["coil"]
    with pytest.raises(ValueError, match="another version"):
        Reference.model_validate(other)


def test_a_weekend_is_no_news():
    monday = START + pd.Timedelta(days=42)  # whose days before are a weekend
    window = PREPARED.window(monday)
    assert (channel(window, "long_known")[-16:] == 0).all()
    assert len(set(channel(window, "long_mixing_high_damper")[-24:])) == 1


def test_a_fan_whose_status_is_lost_turns_if_it_is_told_to():
    sound = healthy(1)
    quarters = held(quarter_hours(sound))
    lost = held(quarter_hours(sound.drop(columns="supply_fan_status")))
    assert settled(quarters).any()
    np.testing.assert_array_equal(settled(lost), settled(quarters))
