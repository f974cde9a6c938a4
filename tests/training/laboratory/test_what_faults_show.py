"""Each fault shows in the readings what domain knowledge says of it, beside a twin in which nothing breaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

TEMPERATURES = ["return_air_temperature", "mixed_air_temperature", "supply_air_temperature", "zone_temperature"]


def test_until_the_first_onset_the_twins_are_the_same_to_the_last_digit(twins):
    before = twins.faulty.index <= twins.unit.episodes[0].onset
    assert before.sum() > 96
    pd.testing.assert_frame_equal(twins.faulty[before], twins.sound[before])


def test_three_days_after_a_repair_the_building_has_nearly_forgotten_the_fault(twins):
    for episode, following in zip(twins.unit.episodes[:-1], twins.unit.episodes[1:], strict=True):
        rows = (twins.faulty.index > episode.repair + pd.Timedelta(days=2)) & (twins.faulty.index <= following.onset)
        apart = (twins.faulty[rows] - twins.sound[rows])[TEMPERATURES].abs()
        assert apart.mean().max() < 0.15, episode.fault


def test_a_ramp_begins_at_its_onset_and_not_before(twins):
    (clogged,) = (episode for episode in twins.unit.episodes if episode.fault == "F-FILTER")
    on = (twins.sound["supply_fan_status"] == 1) & (twins.sound["filter_pressure_drop"] > 4)
    growth = (twins.faulty["filter_pressure_drop"] / twins.sound["filter_pressure_drop"])[on].dropna()
    assert growth[: clogged.onset].iloc[-20:].mean() == pytest.approx(1, abs=0.02)
    assert growth[clogged.onset :].iloc[:16].mean() < 1.1
    assert 1.8 < growth[: clogged.functional_limit].iloc[-16:].mean() < 2.3  # 1.3 more is the limit, Sunday before it


def test_a_leaking_cooling_valve_cools_although_it_is_shut(twins):
    more, faulty = twins.differ("F-CCV-LEAK")
    sound = twins.sound[twins.sound["supply_fan_status"] == 1]

    def rise_while_shut(readings: pd.DataFrame) -> pd.Series:
        rise = readings["supply_air_temperature"] - readings["mixed_air_temperature"]
        return rise[readings["cooling_valve_position"] == 0].dropna()

    assert rise_while_shut(faulty).median() < -1
    assert rise_while_shut(sound).median() > 0  # the fan warms
    assert more["cooling_valve_position"].mean() < -5  # less is asked of a valve that lets water through anyway


def test_a_leaking_heating_valve_makes_the_cooling_coil_work_against_it(twins):
    more, faulty = twins.differ("F-HCV-LEAK")
    assert faulty["heating_valve_position"].max() < 1
    assert more["cooling_valve_position"].mean() > 15
    assert more["supply_air_temperature"].mean() > 0.5


def test_a_damper_stuck_shut_leaves_mixed_air_as_warm_as_the_return_air(twins):
    more, faulty = twins.differ("F-OAD-STUCK")
    asked = faulty["outdoor_damper_position"] > 90
    assert asked.sum() > 20
    assert (faulty["return_air_temperature"] - faulty["mixed_air_temperature"])[asked].abs().mean() < 1
    assert more["mixed_air_temperature"][asked].mean() > 2


def test_a_leaking_damper_lets_in_more_than_its_position_says(twins):
    more, faulty = twins.differ("F-OAD-LEAK")
    drive = faulty["return_air_temperature"] - faulty["outdoor_air_temperature"]
    nearly_shut = (faulty["outdoor_damper_position"] < 25) & (drive.abs() > 4)
    assert nearly_shut.sum() > 10
    assert (-more["mixed_air_temperature"] / drive)[nearly_shut].median() > 0.15


def test_an_outdoor_sensor_that_drifts_moves_the_economizer(twins):
    more, _ = twins.differ("F-SEN-DRIFT", "outdoor")
    assert more["outdoor_air_temperature"].dropna().between(2.9, 4).all()
    assert more["outdoor_damper_position"].abs().mean() > 2


@pytest.mark.parametrize("place", ["return", "mixed"])
def test_a_sensor_that_steers_nothing_drifts_alone(twins, place):
    more, _ = twins.differ("F-SEN-DRIFT", place)
    drifted = f"{place}_air_temperature"
    assert more[drifted].dropna().between(-4, -2.9).all()
    assert more[[name for name in TEMPERATURES if name != drifted]].abs().max().max() < 0.11  # one step of resolution


def test_a_supply_sensor_that_drifts_still_reads_its_set_point_and_the_valve_tells(twins):
    more, faulty = twins.differ("F-SEN-DRIFT", "supply")
    error = faulty["supply_air_temperature"] - faulty["supply_air_temperature_setpoint"]
    assert error.abs().median() < 0.5
    assert more["cooling_valve_position"].mean() > 10


def test_a_frozen_sensor_says_one_value_alone(twins):
    more, faulty = twins.differ("F-SEN-STUCK", "mixed")
    assert faulty["mixed_air_temperature"].dropna().nunique() == 1
    assert more[["return_air_temperature", "supply_air_temperature"]].abs().max().max() < 0.11


def test_a_clogged_filter_costs_pressure_at_the_same_flow_and_the_fan_turns_faster(twins):
    more, faulty = twins.differ("F-FILTER")
    resistance = faulty["filter_pressure_drop"] / faulty["supply_air_flow"] ** 2
    sound = twins.sound.loc[faulty.index]
    assert (resistance / (sound["filter_pressure_drop"] / sound["supply_air_flow"] ** 2)).median() > 1.8
    assert more["supply_fan_speed"].mean() > 0.5
    assert more[TEMPERATURES].abs().max().max() < 0.11


def test_a_slipping_belt_turns_the_command_up_at_the_same_flow(twins):
    more, _ = twins.differ("F-FAN-BELT")
    assert more["supply_fan_speed"].mean() > 8
    assert more["supply_fan_power"].mean() > 0.05
    assert more["supply_air_flow"].abs().max() < 0.01


def test_a_leaking_duct_takes_flow_from_the_fan_that_no_zone_gets(twins):
    more, faulty = twins.differ("F-DUCT-LEAK")
    assert (more["supply_air_flow"] / faulty["supply_air_flow"]).median() == pytest.approx(0.23, abs=0.05)
    assert more["supply_fan_power"].mean() > 0.1
    assert more["zone_temperature"].abs().max() < 0.11


def test_a_fouled_coil_needs_more_water_for_the_same_air(twins):
    more, _ = twins.differ("F-COIL-FOUL")
    assert more["cooling_valve_position"].mean() > 10
    assert more["supply_air_temperature"].abs().mean() < 0.5
    assert more["chilled_water_return_temperature"].mean() < -2


def test_a_stuck_cooling_valve_does_not_follow_its_command(twins):
    _, faulty = twins.differ("F-CCV-STUCK")
    assert faulty["cooling_valve_position"].median() == 100
    assert (faulty["supply_air_temperature"] - faulty["supply_air_temperature_setpoint"]).mean() > 3


def test_a_fan_that_failed_is_told_to_run_and_does_not(twins):
    more, faulty = twins.differ("F-FAN-FAIL")
    assert faulty["supply_fan_speed"].median() == 100
    assert (faulty[["supply_fan_status", "supply_air_flow", "supply_fan_power"]].max() == 0).all()
    assert more["zone_temperature"].mean() > 2


def test_the_damper_brings_as_much_outdoor_air_as_energyplus_mixes(twins):
    """The command comes from the laboratory's own program: the temperatures say whether EnergyPlus did as told."""
    sound = twins.sound[twins.sound["supply_fan_status"] == 1]
    drive = sound["return_air_temperature"] - sound["outdoor_air_temperature"]
    share = ((sound["return_air_temperature"] - sound["mixed_air_temperature"]) / drive)[drive > 6]
    position = sound["outdoor_damper_position"][drive > 6]
    ranks = pd.concat([share, position], axis=1).dropna().rank()
    assert np.corrcoef(ranks.to_numpy().T)[0, 1] > 0.85
