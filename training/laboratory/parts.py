"""What a unit is made of, and how its parts answer: physical relations put on top of what EnergyPlus computes.

EnergyPlus gives temperatures, flows and loads. Valve positions, fan speed, pressures and fan power as a controller sees
them come from the relations here; docs/laboratory.md names them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A coil's transfer units grow with its water flow and shrink with its air flow. The exponents lie between those of
# laminar and turbulent flow; at small water flows the effectiveness stays below what the water can take up.
WATER_EXPONENT = 0.85
AIR_EXPONENT = 0.4
SPECIFIC_HEAT_AIR, SPECIFIC_HEAT_WATER = 1.006, 4.186  # kJ/(kg K)


@dataclass(frozen=True)
class Parts:
    """Of one unit; shares are of what it is designed for."""

    cooling_units: float  # transfer units of the clean coil at the design's flows
    heating_units: float
    chilled_c: float
    hot_c: float
    water_ratio: float  # heat capacity of the chilled water flow over that of the air, at the design
    rangeability: float  # of both valves, equal percentage
    damper_exponent: float  # outdoor share = position ** exponent
    fan_efficiency: float
    design_speed: float  # share of full speed that the design's flow needs
    static_pa: float  # set-point at the sensor in the duct
    duct_pa: float  # from the fan to the sensor, and through coils, at the design's flow
    filter_pa: float  # clean, at the design's flow
    filter_dust: float  # growth of that in a year of ordinary use

    @property
    def design_pressure_pa(self) -> float:
        return self.static_pa + self.duct_pa + self.filter_pa


def draw_parts(rng: np.random.Generator) -> Parts:
    """Parts of a unit within what is sold."""
    return Parts(
        cooling_units=round(rng.uniform(2.0, 2.8), 3),
        heating_units=round(rng.uniform(0.4, 0.7), 3),
        chilled_c=round(rng.uniform(6, 8), 1),
        hot_c=round(rng.uniform(55, 80), 1),
        water_ratio=round(rng.uniform(2.0, 2.8), 2),
        rangeability=round(rng.uniform(8, 40), 1),
        damper_exponent=round(rng.uniform(0.8, 1.6), 2),
        fan_efficiency=round(rng.uniform(0.52, 0.68), 3),
        design_speed=round(rng.uniform(0.8, 0.92), 3),
        static_pa=round(rng.uniform(180, 380), 0),
        duct_pa=round(rng.uniform(250, 500), 0),
        filter_pa=round(rng.uniform(60, 130), 0),
        filter_dust=round(rng.uniform(0.0, 0.3), 3),
    )


def water_share(units: Floats, effectiveness: Floats, air_share: Floats) -> Floats:
    """[T] of the greatest water flow that brings a coil to ``effectiveness``; 1 where no flow does."""
    transfer = -np.log1p(-np.clip(effectiveness, 0, 0.999)) * np.maximum(air_share, 0.1) ** AIR_EXPONENT
    return np.asarray(np.clip(transfer / units, 0, 1) ** (1 / WATER_EXPONENT))


def valve_position(rangeability: float, share: Floats) -> Floats:
    """[T] in % of an equal percentage valve that lets ``share`` of its greatest flow through; 0 when shut."""
    return np.asarray(100 * np.log1p(np.clip(share, 0, 1) * (rangeability - 1)) / np.log(rangeability))


@dataclass(frozen=True)
class Fan:
    """[T] what stands at the fan: speed it is told in %, static pressure in Pa, power in kW, and its filter in Pa."""

    speed: Floats
    static: Floats
    power: Floats
    filter_drop: Floats
    flow: Floats


@dataclass(frozen=True)
class Wear:
    """[T] how far the air path is from sound."""

    clogging: Floats  # growth of the filter's resistance
    slip: Floats  # share of the speed that the belt loses
    duct_leak: Floats  # share of the fan's flow that never arrives


def blow(parts: Parts, flow: Floats, design: float, wear: Wear) -> Fan:
    """A fan that holds the static pressure while it brings ``flow`` [T] m3/s to the boxes, up to its full speed.

    Fan laws: at speed n the fan gives n² of its pressure at no flow, less a share that grows with the flow squared.
    Where full speed is not enough the static pressure falls; the boxes open and keep their flow until it is halved.
    """
    moved = flow / (1 - wear.duct_leak)
    squared = (moved / design) ** 2
    filter_drop = parts.filter_pa * (1 + wear.clogging) * squared
    inner = 0.6 * parts.design_pressure_pa  # what the fan itself loses at the design's flow
    shut_off = (parts.design_pressure_pa + inner) / parts.design_speed**2
    losses = parts.duct_pa * squared + filter_drop + inner * squared
    shaft = np.sqrt((parts.static_pa + losses) / shut_off)
    speed = np.minimum(shaft / (1 - wear.slip), 1)
    turning = speed * (1 - wear.slip)
    static = np.clip(shut_off * turning**2 - losses, 0, parts.static_pa)
    pressure = static + parts.duct_pa * squared + filter_drop
    part_load = parts.fan_efficiency * (1 - 0.35 * (1 - np.clip(moved / design, 0, 1)) ** 2)
    arriving = np.sqrt(np.clip(2 * static / parts.static_pa, 0, 1))
    power = moved * arriving * pressure / part_load / (1 - wear.slip) / 1000
    return Fan(100 * speed, static, power, filter_drop * arriving**2, moved * arriving)
