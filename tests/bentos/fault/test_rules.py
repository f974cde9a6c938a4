"""Every fault of the list is seen by a rule that speaks for it; healthy and stopped units are left in peace."""

import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from air_handler import changed, healthy

from bentos.fault.inspection import judge, suspects
from bentos.fault.operation import observe
from bentos.fault.rules import RULES
from bentos.fault.schema import FaultCode
from bentos.fault.windows import judged, reference_of

HOT, WARM, COLD, FROST = 30.0, 24.0, 9.0, -20.0


@pytest.fixture(scope="module")
def reference():
    """Four weeks, one after the other in spring, summer, autumn and winter."""
    import pandas as pd  # noqa: PLC0415

    weeks = zip(["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"], [COLD, WARM, HOT, FROST], strict=True)
    return reference_of(pd.concat([healthy(7, start, outdoor=outdoor) for start, outdoor in weeks]))


def seen(readings, reference=None):
    """The rules that hold, and how much they suspect each fault."""
    observed = observe(readings, judged(readings, reference), reference)
    fired, _ = judge(observed)
    return [found.rule.code for found in fired], suspects(fired)


def at_work(readings):
    """Rows in which the fan runs."""
    return readings["supply_fan_status"].to_numpy() == 1


def while_running(readings, **columns):
    copy = readings.copy()
    for name, change in columns.items():
        copy.loc[at_work(readings), name] = change(copy[at_work(readings)]) if callable(change) else change
    return copy


def swinging(readings):
    return 50 + 30 * np.where(np.arange(len(readings)) % 2, 1, -1)


def shut(position):
    return 0 * position


def wide(position):
    return 0 * position + 1


SILENT = dict.fromkeys(["supply_air_temperature", "mixed_air_temperature"], np.nan)
FAULTS = [
    ("F-FILTER", "FLT-1", lambda: healthy(filter=1.7)),
    ("F-FAN-BELT", "FAN-1", lambda: healthy(slip=0.15)),
    ("F-FILTER", "FAN-2", lambda: while_running(healthy(), supply_fan_power=lambda r: 1.3 * r["supply_fan_power"])),
    ("F-FAN-BELT", "FC1", lambda: while_running(healthy(), supply_fan_speed=98.0, duct_static_pressure=150.0)),
    ("F-FAN-FAIL", "CMD-1", lambda: changed(healthy(), slice(-56, None), supply_fan_status=0.0, supply_fan_speed=90.0)),
    ("F-OAD-STUCK", "FC6", lambda: healthy(share=lambda position: shut(position) + 0.9, outdoor=HOT)),
    ("F-OAD-STUCK", "FC10", lambda: healthy(share=lambda position: shut(position) + 0.3, outdoor=12.0)),
    (
        "F-OAD-LEAK",
        "DMP-1",
        lambda: while_running(
            healthy(share=lambda position: shut(position) + 0.5, outdoor=HOT), outdoor_damper_position=0.0
        ),
    ),
    (
        "F-ECON",
        "FC11",
        lambda: while_running(
            healthy(share=lambda position: shut(position) + 0.3, outdoor=12.0),
            outdoor_damper_position=30.0,
            cooling_valve_position=40.0,
        ),
    ),
    ("F-ECON", "ECON-4", lambda: while_running(healthy(share=wide, outdoor=HOT), outdoor_damper_position=100)),
    ("F-CCV-LEAK", "FC14", lambda: healthy(cooling=lambda position: np.maximum(position, 50), outdoor=COLD)),
    ("F-CCV-STUCK", "CLG-1", lambda: healthy(cooling=shut, outdoor=WARM)),
    (
        "F-CCV-STUCK",
        "FC13",
        lambda: while_running(healthy(cooling=lambda p: 0.1 * p, outdoor=WARM), cooling_valve_position=100.0),
    ),
    ("F-HCV-LEAK", "FC15", lambda: healthy(heating=lambda position: np.maximum(position, 25), outdoor=COLD)),
    ("F-HCV-STUCK", "FC5", lambda: while_running(healthy(outdoor=FROST, heating=shut), heating_valve_position=60)),
    ("F-HCV-STUCK", "FC7", lambda: while_running(healthy(outdoor=FROST, heating=shut), heating_valve_position=100)),
    ("F-COIL-FOUL", "COIL-1", lambda: healthy(cooling=lambda position: 0.5 * position, outdoor=WARM)),
    ("F-SIMUL", "SIMUL", lambda: while_running(healthy(), cooling_valve_position=40.0, heating_valve_position=40.0)),
    ("F-SEN-BIAS", "FC2", lambda: healthy(mixed_air_temperature=-4.0, outdoor=12.0)),
    ("F-SEN-BIAS", "FC3", lambda: healthy(mixed_air_temperature=5.0, outdoor=20.0)),
    ("F-SEN-DRIFT", "RET-1", lambda: healthy(return_air_temperature=3.0)),
    ("F-SEN-STUCK", "SV-FLAT", lambda: while_running(healthy(), mixed_air_temperature=16.5)),
    ("F-HUNT", "FC4", lambda: while_running(healthy(), cooling_valve_position=swinging)),
    (
        "F-DUCT-LEAK",
        "DUCT-1",
        lambda: while_running(healthy(), duct_static_pressure=150.0),
    ),
    ("F-SCHED", "SCHED", lambda: changed(healthy(), occupied=0.0)),
    ("F-COMMS", "SV-STALE", lambda: changed(healthy(), slice(-12, None), **SILENT)),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "rule", "readings"), FAULTS, ids=[f"{fault} by {rule}" for fault, rule, _ in FAULTS])
def test_a_rule_fires_on_its_fault_and_suspects_it(fault, rule, readings, reference):
    codes, suspected = seen(readings(), reference)
    assert rule in codes
    assert fault in list(suspected)[:3]


def test_every_fault_of_the_list_and_every_rule_stands_in_these_tests():
    assert {fault for fault, _, _ in FAULTS} == set(get_args(FaultCode))
    assert {rule for _, rule, _ in FAULTS} == {rule.code for rule in RULES}


@pytest.mark.parametrize("outdoor", [FROST, COLD, 14.0, WARM, HOT])
@pytest.mark.parametrize("known", [True, False])
def test_no_rule_fires_on_a_healthy_unit_in_any_weather(outdoor, known, reference):
    assert seen(healthy(outdoor=outdoor), reference if known else None)[0] == []


RUNNING_RULES = [row for row in FAULTS if row[1] != "SV-STALE"]


@pytest.mark.parametrize("readings", [r for _, _, r in RUNNING_RULES], ids=[rule for _, rule, _ in RUNNING_RULES])
def test_a_unit_that_is_switched_off_is_left_in_peace(readings, reference):
    off = changed(readings(), supply_fan_status=0.0, supply_fan_speed=0.0)
    assert seen(off, reference)[0] == []


def test_nothing_is_concluded_from_the_first_half_hour_after_a_start():
    readings = healthy(outdoor=COLD)
    started = at_work(readings) & ~np.roll(at_work(readings), 2)
    cold_start = readings.copy()
    cold_start.loc[started, "supply_air_temperature"] = 40.0  # what stood in the duct over night
    assert seen(cold_start)[0] == []


def test_a_rule_needs_its_points():
    codes, _ = seen(healthy(filter=5.0).drop(columns="filter_pressure_drop"))
    assert "FLT-1" not in codes
    assert "FLT-1" in seen(healthy(filter=5.0))[0]


def test_a_sensor_that_cannot_be_believed_is_kept_from_the_other_rules():
    stuck = while_running(healthy(outdoor=HOT), mixed_air_temperature=5.0)
    codes, _ = seen(stuck)
    assert codes == ["SV-FLAT"]  # and not FC2: mixed air seems colder than both others


def test_a_single_spike_is_no_fault_and_is_told_of_its_sensor():
    readings = healthy()
    readings.iloc[96 + 50, readings.columns.get_loc("mixed_air_temperature")] += 20
    observed = observe(readings, judged(readings, None), None)
    assert observed.defects["mixed_air_temperature"] == ["spikes"]
    assert judge(observed)[0] == []


def test_what_a_sensor_cannot_measure_is_left_out_and_told():
    readings = changed(healthy(), slice(96, 140), return_air_temperature=-40.0)
    observed = observe(readings, judged(readings, None), None)
    assert "out of range" in observed.defects["return_air_temperature"]
    assert judge(observed)[0] == []
    assert observed.known["return_air_temperature"] == pytest.approx(1 - 44 / 288)
