"""Rules of the trade: what an engineer concludes from the same readings without any learning.

After ASHRAE Guideline 36-2021, 5.16.14 (fault conditions FC1 to FC15) and APAR (House, Vaezi-Nejad, Whitcomb 2001;
Schein et al. 2006), worded anew for quarter-hour means. A rule is judged only in the state that it speaks about, with
the fan proven on for half an hour and sensors that may be believed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bentos.fault.laws import CLOSED, MOVED
from bentos.fault.operation import Operation
from bentos.fault.symptoms import AIR, SYMPTOMS, Symptom
from bentos.fault.windows import Floats, Truth

# Tolerances. G36: its default; the others say why.
SENSOR = 1.0  # K, of one air temperature (G36: 1 K for supply and return air)
MIXED = 2.0  # K, mixed air against return or outdoor air (G36: 3 K and 1 K; an average of a quarter-hour is steadier)
FAN_HEAT = 0.5  # K (G36)
APART = 5.6  # K between outdoor and return air before a share is judged (APAR 10 °F; G36 6 K)
SHARE = 0.30  # of outdoor air, from any unit's damper curve (APAR)
SHARE_KNOWN = 0.15  # the same from the unit's own damper curve
STATIC = 30.0  # Pa below the set-point (0.12 in. of water)
FULL_FAN = 87.0  # % of speed from which a fan has no more to give
OPEN, FULL, IN_USE = 10.0, 95.0, 20.0  # % of a valve or damper that is open, fully open, and surely acting
FREE_COOLING = 3.0  # K that outdoor air is colder than return air
HIGH_LIMIT = 18.0  # °C below which outdoor air surely holds less heat than return air
DIRTY_FILTER = 250.0  # Pa, a usual final resistance, where the clean filter was never seen
FILTER_RISE = math.log(1.5)  # over the clean filter's pressure drop at the same flow
COMMANDED = 25.0  # % of speed that a stopped fan's controller does not rest at
POWER_RISE = math.log(1.2)  # over the healthy fan's power at the same flow; demand alone moves it by a tenth
SPEED_RISE = math.log(1.10)  # of fan speed over the healthy one at the same flow
COIL_SHORT = 2.0  # K of cooling that the valve's position promised and the air did not get
ZONE_APART = 2.0  # K that return air has moved against the zone since the healthy period
STATIC_SHARE = 0.15  # of the set-point by which static pressure lies below it with fan speed to spare
SWING = 10.0  # % that a valve or damper goes back and forth in successive quarter-hours


@dataclass(frozen=True, kw_only=True)
class Rule(Symptom):
    """A symptom and how it is seen: ``when`` it can be judged, ``fires`` where it holds; both [T] of truth.

    It speaks once it held for ``hours`` and for half of the ``recent`` hours that could be judged.
    """

    when: Callable[[Operation], Truth]
    fires: Callable[[Operation], Truth]
    hours: float = 1.0
    recent: float = 12.0
    needs_settled: bool = True


def _always(o: Operation) -> Truth:
    return np.ones(len(o.stamps), bool)


def _idle(o: Operation) -> Truth:
    return (o.quarters["cooling_valve_position"] <= CLOSED) & (o.quarters["heating_valve_position"] <= CLOSED)


def _apart(o: Operation) -> Truth:
    return np.abs(o.quarters["outdoor_air_temperature"] - o.quarters["return_air_temperature"]) >= APART


def _rise(o: Operation) -> Floats:
    return o.quarters["supply_air_temperature"] - o.quarters["mixed_air_temperature"]


def _over_setpoint(o: Operation) -> Floats:
    return o.quarters["supply_air_temperature"] - o.quarters["supply_air_temperature_setpoint"]


def _drive(o: Operation) -> Floats:
    """Outdoor less return air; NaN where they are nearly alike."""
    drive = o.quarters["outdoor_air_temperature"] - o.quarters["return_air_temperature"]
    return np.where(np.abs(drive) >= APART, drive, np.nan)


def _outdoor_share(o: Operation) -> Floats:
    return (o.quarters["mixed_air_temperature"] - o.quarters["return_air_temperature"]) / _drive(o)


def _above(name: str, limit: float) -> Callable[[Operation], Truth]:
    return lambda o: o.quarters[name] >= limit


def _swings(o: Operation) -> Truth:
    """True where a valve or the damper went to and fro four times running, each time by more than ``SWING``."""
    found = np.zeros(len(o.stamps), bool)
    for name in MOVED:
        move = np.diff(o.quarters[name], prepend=np.nan)
        way = np.where(np.abs(move) >= SWING, np.sign(move), 0)
        turned = way[1:] * way[:-1] < 0
        found[3:] |= turned[2:] & turned[1:-1] & turned[:-2]
    return found


def _long_runs(truth: Truth, hours: int) -> Truth:
    """True in stretches that last at least so long."""
    edges = np.flatnonzero(np.diff(truth, prepend=False, append=False))
    found = np.zeros(len(truth), bool)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        found[begin:end] = end - begin >= hours * 4
    return found


def _free_cooling_wasted(o: Operation) -> Truth:
    r = o.quarters
    cool = r["outdoor_air_temperature"] < np.minimum(r["return_air_temperature"] - FREE_COOLING, HIGH_LIMIT)
    return cool & (r["outdoor_damper_position"] < 40)


def _hot_air_let_in(o: Operation) -> Truth:
    r = o.quarters
    warm = r["outdoor_air_temperature"] > r["return_air_temperature"] + FREE_COOLING
    return warm & (r["outdoor_damper_position"] > 90)


def _filter_high(o: Operation) -> Truth:
    """Against the clean filter where it was seen, else against a usual final resistance."""
    if not o.has_reference:
        return o.quarters["filter_pressure_drop"] >= DIRTY_FILTER
    by_flow, by_speed = o.errors["filter_flow"], o.errors["filter_speed"]
    return np.where(np.isnan(by_flow), by_speed, by_flow) >= FILTER_RISE


def _share_wrong(o: Operation) -> Truth:
    return np.abs(o.errors["mixing"] / _drive(o)) >= (SHARE_KNOWN if o.has_reference else SHARE)


def _rule(
    code: str,
    when: Callable[[Operation], Truth],
    fires: Callable[[Operation], Truth],
    **more: Any,  # noqa: ANN401 - the rule's own
) -> Rule:
    return Rule(**vars(BY_CODE[code]), when=when, fires=fires, **more)


BY_CODE = {symptom.code: symptom for symptom in SYMPTOMS}
RULES = [
    _rule(
        "FC1", _above("supply_fan_speed", FULL_FAN),
        lambda o: o.quarters["duct_static_pressure"] < o.quarters["duct_static_pressure_setpoint"] - STATIC,
    ),
    _rule(
        "FC2", _always,
        lambda o: o.quarters["mixed_air_temperature"] < np.minimum(o.quarters[AIR[0]], o.quarters[AIR[1]]) - MIXED,
        hours=3,
    ),
    _rule(
        "FC3", _always,
        lambda o: o.quarters["mixed_air_temperature"] > np.maximum(o.quarters[AIR[0]], o.quarters[AIR[1]]) + MIXED,
        hours=3,
    ),
    _rule(
        "FC4", _swings, _swings, hours=1,
    ),
    _rule(
        "FC5",
        lambda o: (o.quarters["heating_valve_position"] >= IN_USE) & (o.quarters["cooling_valve_position"] <= CLOSED),
        lambda o: _rise(o) < FAN_HEAT + SENSOR,
    ),
    _rule(
        "FC6", lambda o: _apart(o) & (o.quarters["outdoor_damper_position"] > 5), _share_wrong, hours=3,
    ),
    _rule(
        "FC7", _above("heating_valve_position", FULL), lambda o: _over_setpoint(o) < -SENSOR - FAN_HEAT,
    ),
    _rule(
        "FC10", lambda o: _apart(o) & (o.quarters["outdoor_damper_position"] >= FULL),
        lambda o: np.abs(o.quarters["mixed_air_temperature"] - o.quarters["outdoor_air_temperature"]) > MIXED,
    ),
    _rule(
        "DMP-1",
        lambda o: _apart(o) & (o.quarters["outdoor_damper_position"] <= 5), lambda o: _outdoor_share(o) > SHARE,
    ),
    _rule(
        "FC11", _above("cooling_valve_position", OPEN), _free_cooling_wasted, hours=2,
    ),
    _rule(
        "ECON-4", _above("cooling_valve_position", OPEN), _hot_air_let_in, hours=2,
    ),
    _rule(
        "FC13", _above("cooling_valve_position", FULL), lambda o: _over_setpoint(o) > SENSOR + FAN_HEAT,
    ),
    _rule(
        "CLG-1",
        lambda o: (o.quarters["cooling_valve_position"] >= IN_USE) & (o.quarters["heating_valve_position"] <= CLOSED),
        lambda o: _rise(o) > FAN_HEAT - SENSOR,
    ),
    _rule(
        "FC14", _idle, lambda o: _rise(o) < FAN_HEAT - 2 * SENSOR,
    ),
    _rule(
        "FC15", _idle, lambda o: _rise(o) > FAN_HEAT + 2 * SENSOR,
    ),
    _rule(
        "SIMUL",
        lambda o: (o.quarters["cooling_valve_position"] > OPEN) | (o.quarters["heating_valve_position"] > OPEN),
        lambda o: (o.quarters["cooling_valve_position"] > OPEN) & (o.quarters["heating_valve_position"] > OPEN),
    ),
    _rule(
        "COIL-1", _above("cooling_valve_position", OPEN), lambda o: o.errors["coil"] > COIL_SHORT,
        hours=3,
    ),
    _rule(
        "CMD-1", _above("supply_fan_speed", COMMANDED), lambda o: o.quarters["supply_fan_status"] < 0.05,
        hours=0.5, recent=1, needs_settled=False,
    ),
    _rule(
        "FAN-1", _always, lambda o: o.errors["speed_flow"] >= SPEED_RISE, hours=3,
    ),
    _rule(
        "FAN-2", _always, lambda o: o.errors["power_flow"] >= POWER_RISE, hours=3,
    ),
    _rule(
        "FLT-1", _above("supply_fan_speed", IN_USE), _filter_high, hours=3,
    ),
    _rule(
        "DUCT-1", lambda o: o.quarters["supply_fan_speed"] <= FULL_FAN,
        lambda o: o.quarters["duct_static_pressure"]
        < (1 - STATIC_SHARE) * o.quarters["duct_static_pressure_setpoint"] - STATIC / 2,
        hours=3,
    ),
    _rule(
        "RET-1", _always, lambda o: np.abs(o.errors["return_zone"]) >= ZONE_APART, hours=3,
    ),
    _rule(
        "SCHED", lambda o: o.quarters["occupied"] < 0.5,
        lambda o: _long_runs((o.quarters["occupied"] < 0.5) & (o.quarters["supply_fan_status"] > 0.95), 4),
        hours=4, needs_settled=False,
    ),
    _rule(
        "SV-FLAT", _always, lambda o: o.flat, hours=6,
    ),
    _rule(
        "SV-STALE", _always, lambda o: o.silent, hours=2, recent=4, needs_settled=False,
    ),
]  # fmt: skip
