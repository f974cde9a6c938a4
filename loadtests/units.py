"""Air-handling units to ask about: 72 hours of each, all healthy but a few, as a building's system would send them.

Weather, mixing, coils and fan follow plain laws with a little noise; the cost of an answer hardly depends on them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST = datetime(2026, 4, 6, tzinfo=UTC)  # a Monday
DAY = 96  # quarter-hours
HEALTHY_DAYS, ASKED_DAYS = 21, 3
DRIFTED_K = 3.0  # by which one unit in so many has a mixed air sensor that is wrong
ONE_IN = 16
UNITS = {"temperature": "Cel", "position": "%", "speed": "%", "status": "1", "occupied": "1",
         "flow": "m3/s", "power": "kW", "drop": "Pa", "pressure": "Pa"}  # fmt: skip


def healthy_period() -> dict[str, Any]:
    """From which the reference is made that goes with each question."""
    return _body(HEALTHY_DAYS * DAY, 0, np.random.default_rng(0))


def question(number: int, reference: dict[str, Any]) -> dict[str, Any]:
    """Some three days after the healthy period, others for each number."""
    first = (HEALTHY_DAYS + number % 14) * DAY
    asked = _body(ASKED_DAYS * DAY, first, np.random.default_rng(1 + number))
    if number % ONE_IN == 0:
        sensor = asked["points"]["mixed_air_temperature"]
        sensor["values"] = [round(value + DRIFTED_K, 2) for value in sensor["values"]]
    return asked | {"unit_id": f"ahu-{number}", "reference": reference}


def encoded(body: dict[str, Any]) -> bytes:
    """As it goes over the wire."""
    return json.dumps(body, separators=(",", ":")).encode()


def _body(rows: int, first: int, dice: np.random.Generator) -> dict[str, Any]:
    times = [(FIRST + timedelta(minutes=15 * (first + row))).isoformat() for row in range(rows)]
    points = _unit(np.arange(first, first + rows), dice)
    told = {
        name: {"unit": UNITS[name.removesuffix("_setpoint").rsplit("_", 1)[-1]], "values": values.round(2).tolist()}
        for name, values in points.items()
    }
    return {"unit_id": "ahu", "times": times, "points": told}


def _unit(quarter: NDArray[np.int64], dice: np.random.Generator) -> dict[str, Floats]:
    """By point; at night the fan rests."""
    hour, day = quarter % DAY / 4, quarter // DAY

    def noisy(values: Floats, spread: float) -> Floats:
        return values + spread * dice.standard_normal(len(quarter))

    on = ((hour >= 6) & (hour < 20) & (day % 7 < 5)).astype(float)
    outdoor = 14 + 3 * np.sin(day / 5) + 7 * np.sin((hour - 9) / 12 * np.pi)
    zone = 22.5 + 0.8 * np.sin((hour - 12) / 12 * np.pi)
    damper = np.clip(100 * (zone - 13.5) / np.maximum(zone + 0.5 - outdoor, 0.1), 30, 100)
    mixed = zone + 0.5 + damper / 100 * (outdoor - zone - 0.5)
    cooling = np.clip((mixed - 13.5) / (0.8 * (mixed - 7)) * 100, 0, 100)
    heating = np.clip((13.5 - mixed) / (0.35 * (60 - mixed)) * 100, 0, 100)
    supply = mixed + 0.5 - 0.8 * cooling / 100 * (mixed - 7) + 0.35 * heating / 100 * (60 - mixed)
    speed = np.clip(55 + 2 * (outdoor - 14), 40, 85) * on
    flow = 2 * speed / 55
    resting = np.where(on > 0, 0.0, 1.0)
    return {
        "outdoor_air_temperature": noisy(outdoor, 0.1),
        "return_air_temperature": noisy(zone + 0.5, 0.1),
        "mixed_air_temperature": noisy(mixed * on + zone * resting, 0.1),
        "supply_air_temperature": noisy(supply * on + zone * resting, 0.1),
        "supply_air_temperature_setpoint": np.full(len(quarter), 14.0),
        "supply_fan_status": on,
        "supply_fan_speed": speed,
        "outdoor_damper_position": damper * on,
        "cooling_valve_position": cooling * on,
        "heating_valve_position": heating * on,
        "duct_static_pressure": noisy(250 * on, 2.0),
        "duct_static_pressure_setpoint": np.full(len(quarter), 250.0),
        "filter_pressure_drop": noisy(20 * flow**2, 0.4),
        "supply_air_flow": noisy(flow, 0.01),
        "supply_fan_power": 1.5 * (speed / 55) ** 2.6,
        "zone_temperature": noisy(zone, 0.1),
        "chilled_water_supply_temperature": np.full(len(quarter), 7.0),
        "chilled_water_return_temperature": np.full(len(quarter), 12.0),
        "occupied": on,
    }
