"""From what is true to what is recorded: calibration, stratified air, noise, resolution, flat lines, gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MEASURED_C = ("outdoor", "return", "mixed", "supply")  # sensors that drift, freeze and steer the unit

# A point's noise (standard deviation: K or % of the reading) and its resolution; commands are exact but for theirs.
TEMPERATURES = {
    **{f"{place}_air_temperature": (0.12, 0.1) for place in MEASURED_C},
    "zone_temperature": (0.08, 0.1),
    "chilled_water_supply_temperature": (0.1, 0.1),
    "chilled_water_return_temperature": (0.15, 0.1),
}
SHARES_OF_READING = {
    "duct_static_pressure": (0.02, 1.0),
    "filter_pressure_drop": (0.03, 1.0),
    "supply_air_flow": (0.025, 0.001),
    "supply_fan_power": (0.015, 0.001),
}
COMMANDS = ("supply_fan_speed", "outdoor_damper_position", "cooling_valve_position", "heating_valve_position")
GAPS_A_POINT, GAP_QUARTERS = 15, 3.0  # a year; mean length
OUTAGES, OUTAGE_QUARTERS = 5, 14.0  # of the whole unit
FLAT_LINES, FLAT_QUARTERS = 2, (8, 40)  # a unit and year, without being a fault


@dataclass(frozen=True)
class Calibration:
    """How a unit's own sensors are off while nothing is wrong: K by place, factors of flow and power, and how the
    mixed air's sensor sits in air that has not mixed."""

    offsets: dict[str, float]
    factors: dict[str, float]
    stratification: float


def draw_calibration(rng: np.random.Generator) -> Calibration:
    """Of a unit, good for its whole life."""
    return Calibration(
        offsets={place: round(float(rng.normal(0, 0.2)), 3) for place in MEASURED_C},
        factors={name: round(float(rng.normal(1, 0.03)), 4) for name in SHARES_OF_READING},
        stratification=round(float(rng.uniform(-0.12, 0.12)), 3),
    )


def record(
    true: pd.DataFrame, faulty: pd.DataFrame, calibration: Calibration, rng: np.random.Generator
) -> pd.DataFrame:
    """[T] the readings of the points in ``true``; ``faulty`` has the offsets [K] and what is frozen, as ``effects``."""
    readings = true.copy()
    share = (true["outdoor_damper_position"] / 100).to_numpy()
    apart = (true["return_air_temperature"] - true["outdoor_air_temperature"]).to_numpy()
    readings["mixed_air_temperature"] += calibration.stratification * apart * share * (1 - share)
    for place in MEASURED_C:
        readings[f"{place}_air_temperature"] += calibration.offsets[place] + faulty[f"{place}_offset"]
    readings = _noisy(readings, calibration, rng)
    for place in MEASURED_C:
        if (frozen := faulty.get(f"{place}_frozen")) is not None:
            _hold(readings, f"{place}_air_temperature", frozen.to_numpy() > 0)
    _flatten(readings, rng)
    _lose(readings, rng)
    return readings


def _noisy(readings: pd.DataFrame, calibration: Calibration, rng: np.random.Generator) -> pd.DataFrame:
    count = len(readings)
    for name, (deviation, step) in TEMPERATURES.items():
        readings[name] = ((readings[name] + rng.normal(0, deviation, count)) / step).round() * step
    for name, (deviation, step) in SHARES_OF_READING.items():
        measured = readings[name] * calibration.factors[name] * rng.normal(1, deviation, count)
        readings[name] = (measured / step).round() * step
    for name in COMMANDS:
        moving = readings[name].between(1, 99)  # a loop that holds something is never quite still
        restless = pd.Series(rng.normal(0, 1.2, count)).ewm(alpha=0.5).mean().to_numpy()
        readings[name] = (readings[name] + restless * moving).clip(0, 100).round(1)
    return readings


def _hold(readings: pd.DataFrame, name: str, held: NDArray[np.bool_]) -> None:
    """Where ``held`` the last value before it."""
    readings[name] = readings[name].mask(pd.Series(held, index=readings.index)).ffill().bfill()


def _flatten(readings: pd.DataFrame, rng: np.random.Generator) -> None:
    held = {name: np.zeros(len(readings), bool) for name in TEMPERATURES}
    for _ in range(rng.poisson(FLAT_LINES)):
        start, long = rng.integers(1, len(readings)), rng.integers(*FLAT_QUARTERS)
        held[str(rng.choice(list(TEMPERATURES)))][start : start + long] = True
    for name, where in held.items():
        if where.any():
            _hold(readings, name, where)


def _lose(readings: pd.DataFrame, rng: np.random.Generator) -> None:
    """Gaps of single points, and outages of all."""
    for column in range(readings.shape[1]):
        _gaps(readings, slice(column, column + 1), (GAPS_A_POINT, GAP_QUARTERS), rng)
    _gaps(readings, slice(None), (OUTAGES, OUTAGE_QUARTERS), rng)


def _gaps(readings: pd.DataFrame, columns: slice, how: tuple[int, float], rng: np.random.Generator) -> None:
    count, mean = how
    for _ in range(rng.poisson(count)):
        start, long = int(rng.integers(len(readings))), 1 + int(rng.exponential(mean))
        readings.iloc[start : start + long, columns] = np.nan
