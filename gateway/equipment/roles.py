"""Which of our points a point of Brick is: by its class, by its part, or where these say nothing by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from gateway.equipment.classes import is_a
from gateway.equipment.graph import Thing

Part = Literal["supply fan", "other fan", "outdoor damper", "other damper", "cooling", "heating"]
How = Literal["class", "part", "name", "unclear"]
Chain = Sequence[tuple[Thing, Sequence[str]]]  # what a point belongs to with its classes, up to the unit


@dataclass(frozen=True, slots=True)
class Role:
    """A point of ours: Brick's classes for it, the best first, and of which part, where that matters."""

    point: str
    classes: tuple[str, ...]
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a point of Brick is one of ours: the smaller the rank the better; and how that was seen."""

    point: str
    rank: int
    how: How


# A class behind = is meant alone, without its kinds.
DAMPER = ("Damper_Position_Command", "Damper_Command", "Damper_Position_Setpoint", "Damper_Position_Sensor")
VALVE = ("Valve_Position_Command", "Valve_Command", "Valve_Position_Sensor")
STATUS = (
    "Fan_On_Off_Status",
    "=Fan_Status",
    "=Motor_On_Off_Status",
    "=Run_Status",
    "=Start_Stop_Status",
    "=On_Off_Status",
)
SPEED = ("=Fan_Speed_Command", "=Speed_Command", "=Speed_Setpoint", "=Motor_Speed_Sensor", "=Speed_Sensor")

# What is told before what is measured: a stuck damper shows in what it was told and did not do.
ROLES = (
    Role("outdoor_air_temperature", ("Outside_Air_Temperature_Sensor",)),
    Role("return_air_temperature", ("Return_Air_Temperature_Sensor",)),
    Role("mixed_air_temperature", ("Mixed_Air_Temperature_Sensor",)),
    Role("supply_air_temperature", ("Supply_Air_Temperature_Sensor", "Discharge_Air_Temperature_Sensor")),
    Role(
        "supply_air_temperature_setpoint",
        (
            "Effective_Supply_Air_Temperature_Setpoint",
            "Effective_Discharge_Air_Temperature_Setpoint",
            "=Supply_Air_Temperature_Setpoint",
            "=Discharge_Air_Temperature_Setpoint",
        ),
    ),
    Role("supply_fan_status", STATUS, "supply fan"),
    Role("supply_fan_speed", SPEED, "supply fan"),
    Role("outdoor_damper_position", DAMPER, "outdoor damper"),
    Role("cooling_valve_position", VALVE, "cooling"),
    Role("heating_valve_position", VALVE, "heating"),
    Role(
        "duct_static_pressure",
        (
            "Supply_Air_Static_Pressure_Sensor",
            "Discharge_Air_Static_Pressure_Sensor",
            "=Air_Static_Pressure_Sensor",
            "=Static_Pressure_Sensor",
        ),
    ),
    Role(
        "duct_static_pressure_setpoint",
        (
            "Supply_Air_Static_Pressure_Setpoint",
            "Discharge_Air_Static_Pressure_Setpoint",
            "Duct_Air_Static_Pressure_Setpoint",
            "=Static_Pressure_Setpoint",
        ),
    ),
    Role("filter_pressure_drop", ("Filter_Differential_Pressure_Sensor",)),
    Role("supply_air_flow", ("Supply_Air_Flow_Sensor", "Discharge_Air_Flow_Sensor")),
    Role("supply_fan_power", ("=Electric_Power_Sensor", "Active_Power_Sensor", "=Power_Sensor"), "supply fan"),
    Role("zone_temperature", ("Average_Zone_Air_Temperature_Sensor", "=Zone_Air_Temperature_Sensor")),
    # Of the coil: what enters it is supplied. The older names say it themselves.
    Role(
        "chilled_water_supply_temperature",
        ("Chilled_Water_Supply_Temperature_Sensor", "Entering_Chilled_Water_Temperature_Sensor"),
    ),
    Role(
        "chilled_water_return_temperature",
        ("Chilled_Water_Return_Temperature_Sensor", "Leaving_Chilled_Water_Temperature_Sensor"),
    ),
    Role("occupied", ("Occupied_Mode_Status", "Occupancy_Status", "Occupancy_Command")),
)

# In this order; the words of names in English, German and Chinese plants, as far as they leave no doubt.
_PARTS: tuple[tuple[Part, tuple[str, ...], frozenset[str]], ...] = (
    ("supply fan", ("Supply_Fan", "Discharge_Fan"), frozenset({"sf", "saf", "supply", "zuluft"})),
    (
        "other fan",
        ("Return_Fan", "Exhaust_Fan", "Relief_Fan", "Outside_Fan", "Cooling_Tower_Fan"),
        frozenset({"rf", "raf", "ef", "eaf", "return", "exhaust", "relief", "abluft"}),
    ),
    (
        "outdoor damper",
        ("Outside_Damper", "Economizer_Damper", "Economizer"),
        frozenset({"oa", "oad", "outside", "outdoor", "fresh", "economizer", "aussenluft"}),
    ),
    (
        "other damper",
        ("Return_Damper", "Exhaust_Damper", "Relief_Damper", "Mixed_Damper", "Bypass_Damper"),
        frozenset({"ra", "rad", "ea", "ead", "return", "exhaust", "relief", "bypass"}),
    ),
    (
        "cooling",
        ("Cooling_Coil", "Cooling_Valve", "Chilled_Water_Valve"),
        frozenset({"clg", "cool", "cooling", "chw", "chwv", "chwvlv", "ccv", "chilled"}),
    ),
    (
        "heating",
        ("Heating_Coil", "Heating_Valve", "Hot_Water_Valve"),
        frozenset({"htg", "heat", "heating", "hw", "hwv", "hwvlv", "hhw", "hcv", "prht", "preheat", "hot"}),
    ),
)
FAMILIES: tuple[tuple[Part, Part], ...] = (
    ("supply fan", "other fan"),
    ("outdoor damper", "other damper"),
    ("cooling", "heating"),
)


def fit(point: Thing, names: Sequence[str], chain: Chain) -> Fit | None:
    """Which point of ours it is, if any; ``names`` are its classes."""
    unclear = None
    for role, rank in _by_class(tuple(names)):
        how = _belongs(role.part, point, chain)
        if how is not None and how != "unclear":
            return Fit(role.point, rank, how)
        if how == "unclear":
            unclear = unclear or Fit(role.point, rank, how)
    return unclear


@lru_cache(maxsize=4096)
def _by_class(names: tuple[str, ...]) -> list[tuple[Role, int]]:
    """The roles that a point of these classes may have, each with the place of its class there."""
    ranked = [(role, [rank for rank, wanted in enumerate(role.classes) if _is(names, wanted)]) for role in ROLES]
    return [(role, ranks[0]) for role, ranks in ranked if ranks]


def _is(names: Sequence[str], wanted: str) -> bool:
    if wanted.startswith("="):
        return wanted[1:] in names
    return any(is_a(name, wanted) for name in names)


def _belongs(part: Part | None, point: Thing, chain: Chain) -> How | None:
    found = [one for thing, classes in chain[:-1] if (one := _part(classes))]
    if part is None:
        return None if "other fan" in found else "class"
    family = next(family for family in FAMILIES if part in family)
    for one in found:
        if one in family:
            return "part" if one == part else None
    said = {one for one in family for thing in (point, *(thing for thing, _ in chain[:-1])) if _called(one, thing)}
    if said:
        return "unclear" if len(said) > 1 else "name" if said == {part} else None
    return "class" if part == "supply fan" and len(chain) == 1 else "unclear"  # a unit runs as its supply fan does


def _part(classes: Sequence[str]) -> Part | None:
    return next((part for part, kinds, _ in _PARTS if any(is_a(name, *kinds) for name in classes)), None)


def _called(part: str, thing: Thing) -> bool:
    return any(not thing.words.isdisjoint(words) for one, _, words in _PARTS if one == part)
