"""What each rule of the trade needs to see and which faults it speaks for, and what a missing point would let us see.

Nothing is computed here, and no library of numbers is needed to tell a caller what the points of a unit are good for.
"""

from __future__ import annotations

from dataclasses import dataclass

from bentos.fault.schema import FaultCode


@dataclass(frozen=True)
class Symptom:
    """It speaks for ``faults``, the likeliest first, and can be judged where the points that it ``needs`` are known.

    ``needs_reference`` means: only against what the unit was like when healthy.
    """

    code: str
    faults: tuple[FaultCode, ...]
    needs: tuple[str, ...]
    text: str
    needs_reference: bool = False


AIR = ("outdoor_air_temperature", "return_air_temperature", "mixed_air_temperature")
COIL = ("mixed_air_temperature", "supply_air_temperature", "cooling_valve_position", "heating_valve_position")
AIM = ("supply_air_temperature", "supply_air_temperature_setpoint")
STATIC_POINTS = ("duct_static_pressure", "duct_static_pressure_setpoint", "supply_fan_speed")
DAMPER = (*AIR, "outdoor_damper_position")
FREE = (*DAMPER[:2], "outdoor_damper_position", "cooling_valve_position")

SYMPTOMS = [
    Symptom(
        "FC1", ("F-FAN-BELT", "F-DUCT-LEAK", "F-FILTER"), STATIC_POINTS,
        "Static pressure stays below its set-point with the fan at full speed.",
    ),
    Symptom(
        "FC2", ("F-SEN-BIAS", "F-SEN-DRIFT"), AIR,
        "Mixed air is colder than both the airs it is mixed of.",
    ),
    Symptom(
        "FC3", ("F-SEN-BIAS", "F-SEN-DRIFT"), AIR,
        "Mixed air is warmer than both the airs it is mixed of.",
    ),
    Symptom(
        "FC4", ("F-HUNT",), COIL[2:],
        "A valve or the damper swings to and fro without rest.",
    ),
    Symptom(
        "FC5", ("F-HCV-STUCK", "F-COIL-FOUL"), COIL,
        "The heating valve is open and the air does not get warmer.",
    ),
    Symptom(
        "FC6", ("F-OAD-STUCK", "F-SEN-BIAS"), DAMPER,
        "The share of outdoor air is not what the damper's position gives.",
    ),
    Symptom(
        "FC7", ("F-HCV-STUCK", "F-COIL-FOUL"), (*AIM, "heating_valve_position"),
        "Supply air stays too cold with the heating valve fully open.",
    ),
    Symptom(
        "FC10", ("F-OAD-STUCK", "F-SEN-BIAS"), DAMPER,
        "The outdoor damper is fully open and mixed air is not outdoor air.",
    ),
    Symptom(
        "DMP-1", ("F-OAD-LEAK", "F-OAD-STUCK"), DAMPER,
        "The outdoor damper is closed and outdoor air comes in.",
    ),
    Symptom(
        "FC11", ("F-ECON",), FREE,
        "Outdoor air would cool for nothing, but water cools and the damper stays shut.",
    ),
    Symptom(
        "ECON-4", ("F-ECON", "F-OAD-STUCK"), FREE,
        "Outdoor air warmer than return air is let in and cooled.",
    ),
    Symptom(
        "FC13", ("F-CCV-STUCK", "F-COIL-FOUL"), (*AIM, "cooling_valve_position"),
        "Supply air stays too warm with the cooling valve fully open.",
    ),
    Symptom(
        "CLG-1", ("F-CCV-STUCK",), COIL,
        "The cooling valve is open and the air does not get colder.",
    ),
    Symptom(
        "FC14", ("F-CCV-LEAK", "F-CCV-STUCK"), COIL,
        "Both valves are closed and the air gets colder.",
    ),
    Symptom(
        "FC15", ("F-HCV-LEAK", "F-HCV-STUCK"), COIL,
        "Both valves are closed and the air gets warmer than the fan explains.",
    ),
    Symptom(
        "SIMUL", ("F-SIMUL", "F-HCV-LEAK", "F-CCV-LEAK"), COIL[2:],
        "Heating and cooling valves are open at once.",
    ),
    Symptom(
        "COIL-1", ("F-COIL-FOUL", "F-CCV-STUCK"), COIL,
        "The cooling valve opens further than it used to for the same cooling.", needs_reference=True,
    ),
    Symptom(
        "CMD-1", ("F-FAN-FAIL",), ("supply_fan_status", "supply_fan_speed"),
        "The fan is told to run and does not.",
    ),
    Symptom(
        "FAN-1", ("F-FAN-BELT", "F-FILTER"), ("supply_fan_speed", "supply_air_flow"),
        "The fan must turn faster than it used to for the same flow of air.", needs_reference=True,
    ),
    Symptom(
        "FAN-2", ("F-FILTER", "F-FAN-BELT"), ("supply_fan_power", "supply_air_flow"),
        "The fan draws more power than it used to for the same flow of air.", needs_reference=True,
    ),
    Symptom(
        "FLT-1", ("F-FILTER",), ("filter_pressure_drop", "supply_fan_speed"),
        "The filter's pressure drop is too high for the flow of air.",
    ),
    Symptom(
        "DUCT-1", ("F-DUCT-LEAK", "F-FAN-BELT"), STATIC_POINTS,
        "Static pressure lies below its set-point although the fan could turn faster.",
    ),
    Symptom(
        "RET-1", ("F-SEN-DRIFT", "F-SEN-BIAS"), ("return_air_temperature", "zone_temperature"),
        "Return air has moved away from the zone it comes from.", needs_reference=True,
    ),
    Symptom(
        "SCHED", ("F-SCHED",), ("supply_fan_status", "occupied"),
        "The unit runs for hours while nobody is there.",
    ),
    Symptom(
        "SV-FLAT", ("F-SEN-STUCK",), ("supply_fan_status",),
        "An air temperature has not moved at all while the fan ran.",
    ),
    Symptom(
        "SV-STALE", ("F-COMMS",), (),
        "A required point has been silent until now.",
    ),
]  # fmt: skip

UNLOCKS = {
    "duct_static_pressure": ["F-FAN-BELT and F-DUCT-LEAK by FC1 and DUCT-1"],
    "duct_static_pressure_setpoint": ["F-FAN-BELT and F-DUCT-LEAK by FC1 and DUCT-1"],
    "filter_pressure_drop": ["F-FILTER by FLT-1, weeks before the air becomes scarce"],
    "supply_air_flow": ["the fan laws by flow: F-FILTER, F-FAN-BELT and F-DUCT-LEAK apart from a changed demand"],
    "supply_fan_power": ["the fan laws by power: F-FAN-BELT, F-FILTER"],
    "zone_temperature": ["drift of the return air sensor: F-SEN-DRIFT by RET-1"],
    "chilled_water_supply_temperature": ["F-COIL-FOUL apart from water that is too warm"],
    "chilled_water_return_temperature": ["F-COIL-FOUL and F-CCV-STUCK by the water's temperature rise"],
    "occupied": ["F-SCHED; and daily summaries of occupied hours alone"],
    "outdoor_air_temperature": ["mixing balance and economizer: F-OAD-STUCK, F-OAD-LEAK, F-ECON, F-SEN-DRIFT"],
    "return_air_temperature": ["mixing balance: F-OAD-STUCK, F-OAD-LEAK, F-SEN-DRIFT"],
    "mixed_air_temperature": ["both balances: dampers, valves and coils"],
    "supply_air_temperature": ["coil balance: F-CCV-LEAK, F-CCV-STUCK, F-HCV-LEAK, F-HCV-STUCK, F-COIL-FOUL"],
    "supply_air_temperature_setpoint": ["whether supply air is what was asked for: FC7, FC13"],
    "supply_fan_status": ["everything: without it nobody knows when to judge"],
    "supply_fan_speed": ["the fan laws, and F-FAN-FAIL by CMD-1"],
    "outdoor_damper_position": ["the damper's own curve: F-OAD-STUCK, F-OAD-LEAK, F-ECON"],
    "cooling_valve_position": ["coil balance while cooling: F-CCV-LEAK, F-CCV-STUCK, F-COIL-FOUL"],
    "heating_valve_position": ["coil balance while heating: F-HCV-LEAK, F-HCV-STUCK, F-SIMUL"],
}
