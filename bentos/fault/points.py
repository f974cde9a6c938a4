"""The points of an air-handling unit: their names, what a sensor there can say, and the units that are converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quantity = Literal["temperature", "share", "state", "pressure", "flow", "power"]


@dataclass(frozen=True, slots=True)
class Point:
    """``low`` to ``high`` is what a sound sensor can say; ``centre`` and ``spread`` scale it for a network."""

    quantity: Quantity
    low: float
    high: float
    centre: float
    spread: float
    required: bool = False


POINTS = {
    "outdoor_air_temperature": Point("temperature", -50, 60, 15, 15, True),
    "return_air_temperature": Point("temperature", 0, 50, 22, 10, True),
    "mixed_air_temperature": Point("temperature", -30, 50, 18, 10, True),
    "supply_air_temperature": Point("temperature", -10, 65, 16, 10, True),
    "supply_air_temperature_setpoint": Point("temperature", 5, 50, 16, 10, True),
    "supply_fan_status": Point("state", 0, 1, 0, 1, True),
    "supply_fan_speed": Point("share", 0, 105, 50, 50, True),
    "outdoor_damper_position": Point("share", 0, 105, 50, 50, True),
    "cooling_valve_position": Point("share", 0, 105, 50, 50, True),
    "heating_valve_position": Point("share", 0, 105, 50, 50, True),
    "duct_static_pressure": Point("pressure", -500, 2500, 300, 300),
    "duct_static_pressure_setpoint": Point("pressure", 0, 2500, 300, 300),
    "filter_pressure_drop": Point("pressure", -50, 1500, 150, 150),
    "supply_air_flow": Point("flow", 0, 100, 2, 2),
    "supply_fan_power": Point("power", 0, 250, 2, 2),
    "zone_temperature": Point("temperature", 0, 50, 22, 10),
    "chilled_water_supply_temperature": Point("temperature", -10, 50, 10, 10),
    "chilled_water_return_temperature": Point("temperature", -10, 60, 14, 10),
    "occupied": Point("state", 0, 1, 0, 1),
}
NAMES = list(POINTS)
REQUIRED = [name for name, point in POINTS.items() if point.required]
TEMPERATURES = [name for name, point in POINTS.items() if point.quantity == "temperature"]

# UCUM code: value × factor + offset is °C, %, 1, Pa, m³/s, kW. The factors are exact by definition,
# but for the inch of water (NIST SP 811, conventional) and the international foot and pound (BIPM).
CONVERSIONS: dict[Quantity, dict[str, tuple[float, float]]] = {
    "temperature": {"Cel": (1, 0), "K": (1, -273.15), "[degF]": (5 / 9, -160 / 9)},
    "share": {"%": (1, 0), "1": (100, 0)},
    "state": {"1": (1, 0)},
    "pressure": {"Pa": (1, 0), "kPa": (1e3, 0), "[in_i'H2O]": (249.08891, 0), "[psi]": (6894.757293168, 0)},
    "flow": {"m3/s": (1, 0), "m3/h": (1 / 3600, 0), "L/s": (1e-3, 0), "[cft_i]/min": (0.028316846592 / 60, 0)},
    "power": {"kW": (1, 0), "W": (1e-3, 0)},
}
