"""What can be predicted for a unit from the points that it has, and what each missing one would add."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel

from bentos.fault.schema import MAX_DEAD, FaultCode
from bentos.fault.series import REQUIRED, Points
from bentos.fault.symptoms import SYMPTOMS, UNLOCKS

WATCHED = {"AHU", "RTU", "DOAS", "MAU"}  # Brick's kinds that are air-handling units
OTHER_NAMES = {
    "Air_Handler_Unit": "AHU",
    "Air_Handling_Unit": "AHU",
    "Rooftop_Unit": "RTU",
    "Dedicated_Outdoor_Air_System_Unit": "DOAS",
    "Makeup_Air_Unit": "MAU",
    "Dual_Duct_Air_Handling_Unit": "DDAHU",
    "Computer_Room_Air_Conditioning": "CRAC",
    "Variable_Air_Volume_Box": "VAV",
    "Variable_Air_Volume_Box_With_Reheat": "RVAV",
    "Fan_Coil_Unit": "FCU",
}
NEEDED = "supply_fan_status"


class Predictable(BaseModel):
    """A fault, the rules by which it can be seen, and whether each of them compares with the healthy unit."""

    fault: FaultCode
    by: list[str]
    needs_reference: bool


class MissingPoint(BaseModel):
    """A point that the unit does not have, the faults that this one would add, and what else it is good for."""

    point: str
    required: bool
    adds: list[FaultCode]
    unlocks: list[str]


class Outlook(BaseModel):
    """Whether the unit can be predicted, and why not; which faults its points suffice for; and what is missing."""

    predictable: bool
    reason: str | None
    faults: list[Predictable]
    missing: list[MissingPoint]


def named(kind: str) -> str:
    """A kind by the shorter of Brick's names for it."""
    return OTHER_NAMES.get(kind, kind)


def outlook(kind: str, points: Collection[str]) -> Outlook:
    """For a unit of this kind with these points."""
    if kind not in WATCHED:
        other = f"Faults are predicted for air-handling units ({', '.join(sorted(WATCHED))}); this is a {kind}."
        return Outlook(predictable=False, reason=other, faults=[], missing=[])
    reason, faults = _why_not(points), _visible(points)
    return Outlook(
        predictable=reason is None, reason=reason, faults=[] if reason else faults, missing=_missing(points, faults)
    )


def _why_not(points: Collection[str]) -> str | None:
    lacking = [name for name in REQUIRED if name not in points]
    if NEEDED in lacking:
        return f"Without {NEEDED} nobody knows when to judge. Declare that point."
    if len(lacking) > MAX_DEAD:
        return f"Of the required points {', '.join(lacking)} are missing; at most {MAX_DEAD} may be. Declare more."
    return None


def _visible(points: Collection[str]) -> list[Predictable]:
    seen: dict[FaultCode, list[tuple[str, bool]]] = {}
    for symptom in SYMPTOMS:
        if set(symptom.needs) <= set(points):
            for fault in symptom.faults:
                seen.setdefault(fault, []).append((symptom.code, symptom.needs_reference))
    return [
        Predictable(fault=fault, by=[code for code, _ in ways], needs_reference=all(needs for _, needs in ways))
        for fault, ways in sorted(seen.items())
    ]


def _missing(points: Collection[str], faults: list[Predictable]) -> list[MissingPoint]:
    known = {each.fault for each in faults}
    return [
        MissingPoint(
            point=name,
            required=name in REQUIRED,
            adds=[each.fault for each in _visible({*points, name}) if name == NEEDED or each.fault not in known],
            unlocks=UNLOCKS[name],
        )
        for name in Points.model_fields
        if name not in points
    ]
