"""One unit through one year: what it is told, what EnergyPlus says of it, and what its sensors record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.points import NAMES
from training.laboratory.building import Building, occupied, running
from training.laboratory.campaign import Unit
from training.laboratory.controls import INPUTS
from training.laboratory.energyplus import simulate
from training.laboratory.faults import effects
from training.laboratory.points import points
from training.laboratory.sensors import Calibration, record
from training.laboratory.weather import Weather

Floats = NDArray[np.float64]
RESET_WARM_C, RESET_COLD_C = 18.0, 8.0  # outdoors: the supply air's set-point rises from the one to the other


def live(unit: Unit, place: Path) -> pd.DataFrame:
    """[T] the points that the unit records, by UTC. ``place`` is an empty folder for EnergyPlus."""
    weather, parts, calibration, rng = unit.drawn()
    faulty = _frozen_outdoor_error(unit, effects(unit.episodes, unit.moments), weather)
    setpoint = _setpoint(
        unit.building, _outdoor(unit, weather) + calibration.offsets["outdoor"] + _outdoor_error(faulty)
    )
    inputs = _inputs(unit, faulty, calibration, setpoint)
    truth = simulate(unit.building, parts, weather, inputs.set_axis(unit.local), place).set_axis(unit.moments)
    table = points(truth.join(inputs).join(faulty[[name for name in faulty if name not in inputs]]), parts)
    table["supply_air_temperature_setpoint"] = setpoint.round(1)
    table["occupied"] = occupied(unit.building, unit.local).astype(float)
    return record(table[NAMES], faulty, calibration, rng)


def healthy(unit: Unit) -> Unit:
    """Its twin in which nothing breaks."""
    return replace(unit, episodes=())


def _frozen_outdoor_error(unit: Unit, faulty: pd.DataFrame, weather: Weather) -> pd.DataFrame:
    """The outdoor sensor's error while it is frozen, which the economizer believes."""
    outdoor = pd.Series(_outdoor(unit, weather), unit.moments)
    held = outdoor.mask(faulty["outdoor_frozen"] > 0).ffill()
    return faulty.assign(outdoor_error=held - outdoor)


def _outdoor(unit: Unit, weather: Weather) -> Floats:
    return weather.at_quarters()[: len(unit.moments)]


def _outdoor_error(faulty: pd.DataFrame) -> Floats:
    return (faulty["outdoor_offset"] + faulty["outdoor_error"]).to_numpy()


def _setpoint(building: Building, outdoor_reading: Floats) -> Floats:
    """°C, smoothed over two hours as a controller does, warmer where it is cold outdoors."""
    smooth = pd.Series(outdoor_reading).ewm(span=8).mean().to_numpy()
    cold = np.clip((RESET_WARM_C - smooth) / (RESET_WARM_C - RESET_COLD_C), 0, 1)
    return np.asarray(building.supply_c + building.reset_k * cold)


def _inputs(unit: Unit, faulty: pd.DataFrame, calibration: Calibration, setpoint: Floats) -> pd.DataFrame:
    offsets = calibration.offsets
    inputs = faulty.reindex(columns=list(INPUTS))
    inputs["wanted"] = running(unit.building, unit.local) * (faulty["fan_failed"] == 0)
    inputs["supply_target"] = setpoint - faulty["supply_offset"] - offsets["supply"]
    inputs["minimum_outdoor"] = occupied(unit.building, unit.local) * unit.building.minimum_outdoor
    inputs["outdoor_offset"] = _outdoor_error(faulty) + offsets["outdoor"]
    inputs["return_offset"] = faulty["return_offset"] + offsets["return"]
    inputs["called"] = running(unit.building, unit.local)
    return inputs.astype(float)
