"""A made-up air-handling unit for tests: the laws of mixing, coils and fan, a little noise, and faults put into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

UNITS = {
    "temperature": "Cel",
    "position": "%",
    "speed": "%",
    "pressure": "Pa",
    "drop": "Pa",
    "flow": "m3/s",
    "power": "kW",
    "status": "1",
    "occupied": "1",
}
Physics = dict[str, Any]


def healthy(days: int = 3, start: str = "2026-05-04", **physics: Any) -> pd.DataFrame:
    """Readings of so many days from a Monday on; ``physics`` overrides what a fault would change.

    damper, cooling, heating: from the command [%] to what the part really does; share, leak: of outdoor air;
    sensor offsets by point; filter: factor on its pressure drop; slip: share of fan speed that is lost.
    """
    index = pd.date_range(start, periods=days * 96, freq="15min", tz="UTC")
    rng, hour = np.random.default_rng(1), (index.hour + index.minute / 60).to_numpy()
    n = len(index)
    on = (hour >= 6) & (hour < 20) & (index.day_of_week < 5).astype(bool)
    outdoor = (
        physics.get("outdoor", 14.0) + 7 * np.sin((hour - 9) / 24 * 2 * np.pi) + 0.3 * rng.normal(size=n).cumsum() / 5
    )
    zone = 22.5 + 0.8 * np.sin((hour - 12) / 24 * 2 * np.pi)
    back = zone + 0.5
    setpoint = np.full(n, 14.0)
    wanted = 100 * (back - setpoint + 0.5) / np.maximum(back - outdoor, 0.1)
    damper = np.where(outdoor < back - 1, np.clip(wanted, 30, 100), 30)
    share = physics.get("share", lambda position: position / 100)(damper)
    mixed = back + share * (outdoor - back)
    speed = np.clip(55 + 3 * (outdoor - 14) + rng.normal(size=n), 40, 85)
    flow = 2.0 * speed / 55 * (1 - physics.get("slip", 0.0))
    need = setpoint - 0.5 - mixed
    cooling = np.clip(-need / (0.8 * (mixed - 7)) * 100, 0, 100)
    heating = np.clip(need / (0.35 * (60 - mixed)) * 100, 0, 100)
    cooled = physics.get("cooling", lambda position: position)(cooling) / 100 * 0.8 * (7 - mixed)
    heated = physics.get("heating", lambda position: position)(heating) / 100 * 0.35 * (60 - mixed)
    supply = mixed + 0.5 + cooled + heated
    measured = {
        "outdoor_air_temperature": outdoor,
        "return_air_temperature": back,
        "mixed_air_temperature": np.where(on, mixed, zone),
        "supply_air_temperature": np.where(on, supply, zone),
        "supply_air_temperature_setpoint": setpoint,
        "supply_fan_status": on.astype(float),
        "supply_fan_speed": np.where(on, speed, 0),
        "outdoor_damper_position": np.where(on, damper, 0),
        "cooling_valve_position": np.where(on, cooling, 0),
        "heating_valve_position": np.where(on, heating, 0),
        "duct_static_pressure": np.where(on, 250.0, 0),
        "duct_static_pressure_setpoint": np.full(n, 250.0),
        "filter_pressure_drop": np.where(on, 80 * (flow / 2) ** 2 * physics.get("filter", 1.0), 0),
        "supply_air_flow": np.where(on, flow, 0),
        "supply_fan_power": np.where(on, 1.5 * (speed / 55) ** 2.6, 0),
        "zone_temperature": zone,
        "chilled_water_supply_temperature": np.full(n, 7.0),
        "chilled_water_return_temperature": np.full(n, 12.0),
        "occupied": on.astype(float),
    }
    readings = pd.DataFrame(measured, index)
    for name in readings:
        if name.endswith("temperature"):
            readings[name] += 0.1 * rng.normal(size=n) + physics.get(name, 0.0)
    for name in ("supply_air_flow", "filter_pressure_drop", "supply_fan_power", "duct_static_pressure"):
        readings[name] *= 1 + 0.01 * rng.normal(size=n)
    return readings


def asked(readings: pd.DataFrame, **fields: Any) -> dict[str, Any]:
    """The same as a question's JSON."""
    points = {
        name: {
            "unit": UNITS[name.removesuffix("_setpoint").rsplit("_", 1)[-1]],
            "values": [None if np.isnan(v) else round(v, 4) for v in readings[name]],
        }
        for name in readings
    }
    return {"unit_id": "ahu-7", "times": [t.isoformat() for t in readings.index], "points": points, **fields}


def changed(
    readings: pd.DataFrame, where: slice | None = None, **columns: Callable[[Any], Any] | float
) -> pd.DataFrame:
    """A copy with columns replaced by a value, or by what a function makes of them."""
    copy = readings.copy()
    rows = slice(None) if where is None else where
    for name, change in columns.items():
        copy.iloc[rows, copy.columns.get_loc(name)] = change(copy[name].iloc[rows]) if callable(change) else change
    return copy
