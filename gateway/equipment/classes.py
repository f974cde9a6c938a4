"""Brick's classes: which are kinds of which, what replaced the deprecated ones, and names that never were Brick's."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

VERSION = "1.4.4"
UNITS = (  # wherever they stand
    "AHU", "Air_Handling_Unit", "Air_Handler_Unit", "Terminal_Unit", "CRAC", "Computer_Room_Air_Conditioning",
    "Chiller", "Boiler", "Cooling_Tower", "Condensing_Unit", "Packaged_Heat_Pump",
)  # fmt: skip
ALONE = ("Fan", "Pump", "Heat_Exchanger", "Meter")  # units where they are no part of one
PARTS = ("Coil", "Valve", "Damper", "Filter", "Motor")  # never

# Of models that are older than Brick 1.1, and of common mistakes: the class that is meant.
MEANT = {
    "Average_Zone_Temperature_Sensor": "Zone_Air_Temperature_Sensor",
    "Chilled_Water_Discharge_Temperature": "Chilled_Water_Supply_Temperature_Sensor",
    "Chilled_Water_Return_Temperature": "Chilled_Water_Return_Temperature_Sensor",
    "Chilled_Water_Supply_Temperature": "Chilled_Water_Supply_Temperature_Sensor",
    "Discharge_Air_Flow": "Discharge_Air_Flow_Sensor",
    "Discharge_Air_Temperature": "Discharge_Air_Temperature_Sensor",
    "Electrical_Power_Sensor": "Electric_Power_Sensor",
    "Fan_Speed_Setpoint": "Speed_Setpoint",
    "Mixed_Air_Temperature": "Mixed_Air_Temperature_Sensor",
    "Outside_Air_Damper": "Outside_Damper",
    "Outside_Air_Temperature": "Outside_Air_Temperature_Sensor",
    "Return_Air_Temperature": "Return_Air_Temperature_Sensor",
    "Room_Temperature_Sensor": "Zone_Air_Temperature_Sensor",
    "Supply_Air_Temperature": "Supply_Air_Temperature_Sensor",
    "Supply_Fan_Speed_Command": "Fan_Speed_Command",
    "Zone_Temperature_Sensor": "Zone_Air_Temperature_Sensor",
    "Zone_Temperature_Setpoint": "Target_Zone_Air_Temperature_Setpoint",
}


@cache
def table() -> dict[str, tuple[tuple[str, ...], str | None]]:
    """By name the classes right above it, and what replaces it where it is deprecated."""
    found = {}
    for line in files(__package__).joinpath(f"brick-{VERSION}.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, parents, replacement = [*line.split("\t"), "", ""][:3]
            found[name] = tuple(filter(None, parents.split(","))), replacement.split(",")[0] or None
    return found


@cache
def above(name: str) -> frozenset[str]:
    """The class itself and all that it is a kind of; only itself where Brick does not know it."""
    parents, _ = table().get(name, ((), None))
    return frozenset({name}.union(*(above(parent) for parent in parents)))


def is_a(name: str, *kinds: str) -> bool:
    """Whether a class is one of these or a kind of one."""
    return not above(name).isdisjoint(kinds)


def meant(name: str) -> tuple[str, str | None]:
    """The class that a name stands for, and what it should be called where Brick calls it otherwise."""
    if name in table():
        replacement = table()[name][1]
        # Rooms went to another vocabulary, which changes nothing here.
        return name, replacement if is_a(name, "Point", "Equipment") else None
    found = MEANT.get(name)
    return (found, found) if found else (name, None)
