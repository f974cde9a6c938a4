"""The unit's controller, as a program inside EnergyPlus: one supply air loop (ASHRAE Guideline 36, in outline).

Economizer, cooling valve and heating valve in sequence hold the supply air at its set-point, each by what the sensors
say. A stuck or leaking part takes the say from it. Its inputs stand in a file, a row a quarter of an hour.
"""

from __future__ import annotations

from training.laboratory.building import Building, Model
from training.laboratory.parts import AIR_EXPONENT, WATER_EXPONENT, Parts

# EnergyPlus's template names the nodes of the air after the unit.
UNIT = "ahu"
MIXED, COOLED, HEATED = f"{UNIT} Mixed Air Outlet", f"{UNIT} Cooling Coil Outlet", f"{UNIT} Heating Coil Outlet"
SUPPLIED, RETURNED = f"{UNIT} Supply Fan Outlet", f"{UNIT} Return Air Outlet"

# Columns of the file: what is asked of the unit, and how far each part of it is from sound (0: it is sound).
INPUTS = (
    "wanted",  # 1 while the unit is to run and can
    "supply_target",  # °C that the supply air truly gets: the set-point less the error of its sensor
    "minimum_outdoor",  # share of the supply air
    "outdoor_offset",  # K that the outdoor sensor says too much
    "return_offset",
    "damper_leak",  # share of outdoor air that passes the shut damper
    "damper_stuck",  # 1 while it does not move
    "damper_stuck_at",  # share of outdoor air
    "cooling_leak",  # share of the greatest water flow that passes the shut valve
    "cooling_stuck",
    "cooling_stuck_at",  # share of the greatest water flow
    "coil_fouling",  # share of the cooling coil's conductance that is gone
    "heating_leak",
)
SENSORS = {
    "outdoor": ("Environment", "Site Outdoor Air Drybulb Temperature"),
    "returned": (RETURNED, "System Node Temperature"),
    "mixed": (MIXED, "System Node Temperature"),
    "cooled": (COOLED, "System Node Temperature"),
    "flow": (SUPPLIED, "System Node Mass Flow Rate"),
    "target": (MIXED, "System Node Setpoint Temperature"),  # the supply air's, less what the fan warms
}
ACTUATORS = {
    "outdoor_flow": (f"{UNIT} OA Controller", "Outdoor Air Controller", "Air Mass Flow Rate"),
    "cooled_target": (COOLED, "System Node Setpoint", "Temperature Setpoint"),
    "heated_target": (HEATED, "System Node Setpoint", "Temperature Setpoint"),
}
TOLD = ("command", "share", "shut", "closed", "air_share", "greatest_flow")  # of the program's own variables
DEADBAND_K = 0.3  # between cooling and heating
SHUT_K = 0.2  # less than that is not worth opening the cooling valve


def program(building: Building, parts: Parts) -> Model:
    """Its sensors, actuators and lines as EnergyPlus objects, by kind and name."""
    written = [line.strip() for line in (_economizer(building) + _coils(parts)).splitlines() if line.strip()]
    return {
        "EnergyManagementSystem:Sensor": {
            name: {"output_variable_or_output_meter_index_key_name": key, "output_variable_or_output_meter_name": what}
            for name, (key, what) in SENSORS.items()
        }
        | {
            f"in_{name}": {
                "output_variable_or_output_meter_index_key_name": name,
                "output_variable_or_output_meter_name": "Schedule Value",
            }
            for name in INPUTS
        },
        "EnergyManagementSystem:Actuator": {
            name: {
                "actuated_component_unique_name": key,
                "actuated_component_type": kind,
                "actuated_component_control_type": what,
            }
            for name, (key, kind, what) in ACTUATORS.items()
        },
        "EnergyManagementSystem:InternalVariable": {
            "design_flow": {
                "internal_data_index_key_name": f"{UNIT} Supply Fan",
                "internal_data_type": "Fan Maximum Mass Flow Rate",
            }
        },
        "EnergyManagementSystem:GlobalVariable": {
            "told": {"variables": [{"erl_variable_name": name} for name in TOLD]}
        },
        "EnergyManagementSystem:OutputVariable": {
            f"told {name}": {
                "ems_variable_name": name,
                "type_of_data_in_variable": "Averaged",
                "update_frequency": "ZoneTimestep",
            }
            for name in TOLD
        },
        "EnergyManagementSystem:Program": {"controller": {"lines": [{"program_line": line} for line in written]}},
        "EnergyManagementSystem:ProgramCallingManager": {
            "every iteration": {
                "energyplus_model_calling_point": "InsideHVACSystemIterationLoop",
                "programs": [{"program_name": "controller"}],
            }
        },
    }


def _economizer(building: Building) -> str:
    """Outdoor air: ``command`` is what the damper is told, ``share`` what comes of it."""
    changeover = "returned + in_return_offset - 1" if building.economizer == "differential" else building.changeover_c
    return f"""
        SET free = 0
        IF (in_outdoor_offset + outdoor < {changeover}) && (in_minimum_outdoor > 0)
        SET free = 1
        ENDIF
        SET desired = target - hot_rise + cold_drop
        SET asked = in_minimum_outdoor
        IF (free == 1) && (returned > outdoor + 0.1)
        SET asked = (returned - desired) / (returned - outdoor)
        ELSEIF (free == 1) && (returned > desired)
        SET asked = 1
        ENDIF
        SET asked = @MIN 1 asked
        SET command = (asked - in_damper_leak) / (1 - in_damper_leak)
        SET command = @MAX in_minimum_outdoor command
        SET share = in_damper_leak + (1 - in_damper_leak) * command
        IF in_damper_stuck > 0
        SET share = in_damper_stuck_at
        SET command = in_minimum_outdoor
        IF (free == 1) && (asked > share + 0.02)
        SET command = 1
        ENDIF
        ENDIF
        IF flow < 0.001
        SET command = 0
        SET share = 0
        ENDIF
        SET outdoor_flow = share * flow
    """


def _coils(parts: Parts) -> str:
    """Each coil by ``parts.effectiveness``: what its valve lets through whatever it is told, and the most that it can.

    ``cold_drop`` and ``hot_rise`` are what a shut valve does to the air; the rest of the sequence makes up for it.
    """
    return f"""
        SET greatest_flow = design_flow
        SET air_share = flow / design_flow
        SET air_share = @MAX 0.1 air_share
        SET slow = air_share ^ {AIR_EXPONENT}
        SET water = in_cooling_leak
        IF in_cooling_stuck > 0
        SET water = in_cooling_stuck_at
        ENDIF
        {_effectiveness("least", f"{parts.cooling_units} * (water ^ {WATER_EXPONENT})")}
        {_effectiveness("most", f"{parts.cooling_units} * (1 - in_coil_fouling)")}
        {_effectiveness("warm", f"{parts.heating_units} * (in_heating_leak ^ {WATER_EXPONENT})")}
        SET hot_rise = warm * ({parts.hot_c} - target)
        SET cold_drop = least * (target - {parts.chilled_c}) / (1 - least)
        SET coldest = mixed - (most * (mixed - {parts.chilled_c}))
        SET uncooled = mixed - (least * (mixed - {parts.chilled_c}))
        SET desired = target - hot_rise
        SET shut = 0
        IF (desired + {SHUT_K} >= uncooled) || (in_cooling_stuck > 0)
        SET desired = uncooled
        SET shut = 1
        ENDIF
        SET cooled_target = @MAX desired coldest
        SET unheated = cooled + (warm * ({parts.hot_c} - cooled))
        SET not_cold = target - {DEADBAND_K}
        SET heated_target = @MAX unheated not_cold
        SET closed = 0
        IF unheated >= not_cold
        SET closed = 1
        ENDIF
    """


def _effectiveness(name: str, units: str) -> str:
    """One operation a line: the language takes a function's argument alone."""
    return f"""
        SET transfer = ({units}) / slow
        SET transfer = 0 - transfer
        SET passed = @EXP transfer
        SET {name} = 1 - passed
    """
