"""What made the network say so: the answer is asked again with a part of the window hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bentos.fault.laws import LAWS
from bentos.fault.points import NAMES
from bentos.fault.schema import Evidence
from bentos.fault.windows import SPAN, STEPS, Window

BLOCKS = 6  # of the 72 hours, hidden one at a time
LEAST = 0.02  # of probability that a part must have been worth
MOST = 3  # parts that are named

LAW_POINTS = {
    "mixing": [
        "mixed_air_temperature", "return_air_temperature", "outdoor_air_temperature", "outdoor_damper_position",
    ],
    "coil": [
        "supply_air_temperature", "mixed_air_temperature", "cooling_valve_position", "heating_valve_position",
        "supply_fan_speed",
    ],
    "supply_deviation": ["supply_air_temperature", "supply_air_temperature_setpoint"],
    "static_deviation": ["duct_static_pressure", "duct_static_pressure_setpoint"],
    "return_zone": ["return_air_temperature", "zone_temperature"],
    "water_rise": ["chilled_water_return_temperature", "chilled_water_supply_temperature"],
    "coil_units": [
        "supply_air_temperature", "mixed_air_temperature", "cooling_valve_position", "chilled_water_supply_temperature",
        "chilled_water_return_temperature", "supply_air_flow",
    ],
    "flow_level": ["supply_air_flow"],
    "flow_weather": ["supply_air_flow", "outdoor_air_temperature"],
    "travel": ["cooling_valve_position", "heating_valve_position", "outdoor_damper_position"],
    "power_flow": ["supply_fan_power", "supply_air_flow"],
    "speed_flow": ["supply_fan_speed", "supply_air_flow"],
    "power_speed": ["supply_fan_power", "supply_fan_speed"],
    "filter_flow": ["filter_pressure_drop", "supply_air_flow"],
    "filter_speed": ["filter_pressure_drop", "supply_fan_speed"],
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """Channels of a window that speak of one thing."""

    code: str
    points: list[str]
    channels: list[int]
    text: str


def parts(channels: Sequence[str]) -> list[Part]:
    """One for each law, its daily summaries with it, and one for the plain readings."""
    found = []
    for law in LAWS:
        # mixing box and coil have several summaries a day
        names = {f"residual_{law}", f"long_{law}"} | {name for name in channels if name.startswith(f"long_{law}_")}
        if law == "mixing":
            names.add("long_outdoor_share")
        if law == "flow_level":
            names.add("long_flow_least")
        places = [place for place, name in enumerate(channels) if name in names]
        found.append(Part(law, LAW_POINTS[law], places, f"What was measured against the law '{law}'."))
    readings = {*NAMES, *(f"known_{name}" for name in NAMES)}
    places = [place for place, name in enumerate(channels) if name in readings]
    found.append(Part("readings", [], places, "The readings themselves."))
    return [part for part in found if part.channels]


def weigh(
    window: Window, at: pd.Timestamp, channels: Sequence[str], probability: Callable[[Window], np.ndarray]
) -> list[Evidence]:
    """Parts of ``window`` [STEPS, C] without which ``probability`` (of [N, STEPS, C], [N]) falls the most."""
    found, steps = parts(channels), STEPS // BLOCKS
    asked = np.repeat(window[None], 1 + len(found) + BLOCKS, axis=0)
    for row, part in enumerate(found, start=1):
        asked[row, :, part.channels] = 0
    recent = [place for place, name in enumerate(channels) if not name.startswith(("long_", "has_"))]
    for block in range(BLOCKS):
        asked[1 + len(found) + block, block * steps : (block + 1) * steps, recent] = 0
    said = probability(asked)
    lost = said[0] - said[1:]
    block = int(np.argmax(lost[len(found) :]))
    since = at - SPAN + block * SPAN / BLOCKS
    heaviest = sorted(zip(lost, found, strict=False), key=lambda pair: -pair[0])[:MOST]
    return [
        Evidence(
            source="model",
            code=part.code,
            points=part.points,
            since=since.to_pydatetime(),
            until=(since + SPAN / BLOCKS).to_pydatetime(),
            hours=SPAN / BLOCKS / pd.Timedelta(hours=1),
            weight=round(float(weight), 3),
            text=part.text,
        )
        for weight, part in heaviest
        if weight >= LEAST
    ]
