"""The points of a unit as they truly are: EnergyPlus's temperatures and flows, and what its parts make of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.laboratory.parts import (
    SPECIFIC_HEAT_AIR,
    Parts,
    Wear,
    blow,
    valve_position,
    water_share,
)
from training.laboratory.weather import QUARTERS

Floats = NDArray[np.float64]
COOLS_DOWN_H = 1.5  # time constant of a duct in which nothing moves, and of a coil's water
HELD_K = 0.3  # a supply temperature nearer to its set-point counts as held


def points(true: pd.DataFrame, parts: Parts) -> pd.DataFrame:
    """[T] by point, without set-point and sensors.

    ``true`` has what ``energyplus.simulate`` gives, the faults' effects, the unit's inputs, and ``called``: whether it
    is to run, be its fan broken or not.
    """
    on = (true["mass_flow"] > 1e-3).to_numpy()
    called = true["called"].to_numpy() > 0
    water = _cooling_water(true, parts, on)
    table = pd.DataFrame({"outdoor_air_temperature": true["outdoor"]})
    table["return_air_temperature"] = _at_rest(true["returned"], true["zone"], on)
    table["mixed_air_temperature"] = _at_rest(true["mixed"], 0.8 * true["zone"] + 0.2 * true["outdoor"], on)
    table["supply_air_temperature"] = _at_rest(true["supplied"], 0.9 * true["zone"] + 0.1 * true["outdoor"], on)
    table["supply_fan_status"] = on.astype(float)
    told = np.where(called & ~on, true["minimum_outdoor"], true["command"].clip(0, 1))
    table["outdoor_damper_position"] = 100 * told ** (1 / parts.damper_exponent)
    table["cooling_valve_position"] = _cooling_valve(true, parts, water) * on
    table["heating_valve_position"] = _heating_valve(true, parts) * on
    table = table.join(_air_path(true, parts, on))
    table["supply_fan_speed"] = np.where(called & ~on, 100.0, table["supply_fan_speed"])  # the loop winds up
    table["zone_temperature"] = true["zone"]
    table["chilled_water_supply_temperature"] = true["chilled_water"]
    table["chilled_water_return_temperature"] = _returned_water(true, parts, water)
    return table


def _at_rest(moving: pd.Series, rest: pd.Series, on: NDArray[np.bool_]) -> Floats:
    """What the sensor is surrounded by: moving air, or air that slowly becomes like what is around the duct."""
    pull = 1 - np.exp(-0.25 / COOLS_DOWN_H)
    values, surroundings = moving.to_numpy(float, copy=True), rest.to_numpy(float)
    for t in np.flatnonzero(~on):
        before = values[t - 1] if t else surroundings[0]
        values[t] = before + pull * (surroundings[t] - before)
    return values


def _cooling_water(true: pd.DataFrame, parts: Parts, on: NDArray[np.bool_]) -> Floats:
    """Share of the greatest water flow that passes the cooling coil. A coil that also dries the air needs more."""
    cooled = (true["mixed"] - true["cooled"]).to_numpy()
    effectiveness = cooled / (true["mixed"] - parts.chilled_c).clip(lower=1).to_numpy()
    drying = np.sqrt((true["total"] / true["sensible"].clip(lower=1)).clip(1, 3).to_numpy())
    air = (true["air_share"] / (1 - true["duct_leak"])).to_numpy()
    units = parts.cooling_units * (1 - true["coil_fouling"].to_numpy()) / drying
    return np.where(on & (cooled > 0.05), water_share(units, effectiveness, air), 0.0)


def _cooling_valve(true: pd.DataFrame, parts: Parts, water: Floats) -> Floats:
    leak, stuck = true["cooling_leak"].to_numpy(), true["cooling_stuck"].to_numpy() > 0
    told = np.where(true["shut"] > 0.5, 0.0, np.clip((water - leak) / (1 - leak), 0, 1))
    warm = (true["supplied"] > true["supply_target"] + HELD_K).to_numpy()
    return valve_position(parts.rangeability, np.where(stuck, warm.astype(float), told))


def _heating_valve(true: pd.DataFrame, parts: Parts) -> Floats:
    heated = (true["heated"] - true["cooled"]).to_numpy()
    effectiveness = heated / (parts.hot_c - true["cooled"]).to_numpy()
    water = water_share(np.asarray(parts.heating_units), effectiveness, true["air_share"].to_numpy())
    leak = true["heating_leak"].to_numpy()
    told = np.clip((water - leak) / (1 - leak), 0, 1)
    return valve_position(parts.rangeability, np.where((heated > 0.1) & (true["closed"] < 0.5), told, 0.0))


def _returned_water(true: pd.DataFrame, parts: Parts, water: Floats) -> Floats:
    """The coil's heat balance; still water warms to the room."""
    flows = water > 0.02
    capacity = np.maximum(water, 0.02) * parts.water_ratio * true["greatest_flow"] * SPECIFIC_HEAT_AIR  # kW/K
    rise = np.minimum(true["total"] / 1000 / capacity, (true["mixed"] - true["chilled_water"]).clip(lower=0.2) - 0.2)
    return _at_rest(true["chilled_water"] + rise, true["zone"] - 2, flows)


def _air_path(true: pd.DataFrame, parts: Parts, on: NDArray[np.bool_]) -> pd.DataFrame:
    """Fan, filter and duct; a filter gathers dust all year long, which is no fault yet."""
    volume = true["flow"].to_numpy()
    design = float((true["greatest_flow"] * true["flow"] / true["mass_flow"])[on].median())
    dust = parts.filter_dust * np.arange(1, len(true) + 1) / QUARTERS
    wear = Wear(true["clogging"].to_numpy() + dust, true["slip"].to_numpy(), true["duct_leak"].to_numpy())
    fan = blow(parts, volume, design, wear)
    columns = {
        "supply_fan_speed": fan.speed,
        "supply_fan_power": fan.power,
        "supply_air_flow": fan.flow,
        "duct_static_pressure": fan.static,
        "filter_pressure_drop": fan.filter_drop,
    }
    table = pd.DataFrame({name: values * on for name, values in columns.items()}, index=true.index)
    table["duct_static_pressure_setpoint"] = parts.static_pa
    return table
