"""The air-handling unit itself in EnergyPlus: fan, coils, mixing box, terminal boxes and chilled water."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.laboratory.building import Building, Model, zone_name
from training.laboratory.controls import COOLED, HEATED, INPUTS, MIXED, RETURNED, SUPPLIED, TOLD, UNIT, program
from training.laboratory.parts import Parts
from training.laboratory.weather import QUARTERS

# What the run writes down: variable of EnergyPlus, at which node or object.
OUTPUTS = {
    "outdoor": ("Environment", "Site Outdoor Air Drybulb Temperature"),
    "returned": (RETURNED, "System Node Temperature"),
    "mixed": (MIXED, "System Node Temperature"),
    "cooled": (COOLED, "System Node Temperature"),
    "heated": (HEATED, "System Node Temperature"),
    "supplied": (SUPPLIED, "System Node Temperature"),
    "mass_flow": (SUPPLIED, "System Node Mass Flow Rate"),
    "flow": (SUPPLIED, "System Node Standard Density Volume Flow Rate"),
    "sensible": (f"{UNIT} Cooling Coil", "Cooling Coil Sensible Cooling Rate"),
    "total": (f"{UNIT} Cooling Coil", "Cooling Coil Total Cooling Rate"),
    "chilled_water": (f"{UNIT} Cooling Coil ChW Inlet", "System Node Temperature"),
}


def air_handler(building: Building, parts: Parts, inputs: Path) -> Model:
    """The unit, its plants and its program as EnergyPlus objects, by kind and name."""
    files = {
        name: {
            "schedule_type_limits_name": "any",
            "file_name": str(inputs),
            "column_number": column,
            "rows_to_skip_at_top": 1,
            "number_of_hours_of_data": QUARTERS // 4,
            "column_separator": "Comma",
            "interpolate_to_timestep": "No",
            "minutes_per_item": 15,
        }
        for column, name in enumerate(INPUTS, start=1)
    }
    return {**_templates(building, parts), **program(building, parts), **_outputs(building), "Schedule:File": files}


def _templates(building: Building, parts: Parts) -> Model:
    box = {
        "template_vav_system_name": UNIT,
        "template_thermostat_name": "thermostat",
        "reheat_coil_type": "Electric",
        "supply_air_maximum_flow_rate": "Autosize",
        "zone_minimum_air_flow_input_method": "Constant",
        "constant_minimum_air_flow_fraction": building.minimum_box_flow,
        "baseboard_heating_type": "None",
        "outdoor_air_method": "Flow/Person",
        "outdoor_air_flow_rate_per_person": 0.0094,
    }
    names = [zone_name(number) for number in range(building.zones)]
    return {
        "HVACTemplate:Thermostat": {
            "thermostat": {"heating_setpoint_schedule_name": "heating", "cooling_setpoint_schedule_name": "cooling"}
        },
        "HVACTemplate:Zone:VAV": {f"{name} box": {"zone_name": name, **box} for name in names},
        "HVACTemplate:System:VAV": {UNIT: _system(building, parts)},
        "HVACTemplate:Plant:ChilledWaterLoop": {
            "chilled water": {
                "pump_control_type": "Intermittent",
                "chilled_water_design_setpoint": parts.chilled_c,
                "chilled_water_pump_configuration": "ConstantPrimaryNoSecondary",
            }
        },
        "HVACTemplate:Plant:Chiller": {
            "chiller": {
                "chiller_type": "DistrictChilledWater",
                "capacity": "Autosize",
                "nominal_cop": 1,
                "priority": "1",
            }
        },
    }


def _system(building: Building, parts: Parts) -> dict[str, Any]:
    return {
        "system_availability_schedule_name": "wanted",
        "supply_fan_maximum_flow_rate": "Autosize",
        "supply_fan_minimum_flow_rate": "Autosize",
        "supply_fan_total_efficiency": parts.fan_efficiency,
        "supply_fan_delta_pressure": parts.design_pressure_pa,
        "supply_fan_motor_efficiency": 0.9,
        "supply_fan_motor_in_air_stream_fraction": 1,
        "supply_fan_placement": "DrawThrough",
        "cooling_coil_type": "ChilledWater",
        "cooling_coil_setpoint_schedule_name": "supply_target",
        "cooling_coil_design_setpoint": building.supply_c,
        "heating_coil_type": "Electric",
        "heating_coil_setpoint_schedule_name": "supply_target",
        "heating_coil_design_setpoint": building.supply_c + 4,
        "preheat_coil_type": "None",
        "maximum_outdoor_air_flow_rate": "Autosize",
        "minimum_outdoor_air_flow_rate": "Autosize",
        "minimum_outdoor_air_control_type": "ProportionalMinimum",
        "economizer_type": "NoEconomizer",
        "night_cycle_control": "StayOff",
        "heat_recovery_type": "None",
        "dehumidification_control_type": "None",
        "humidifier_type": "None",
        "sizing_option": "Coincident",
        "return_fan": "No",
    }


def _outputs(building: Building) -> Model:
    wanted = [
        *OUTPUTS.values(),
        *((zone_name(number), "Zone Mean Air Temperature") for number in range(building.zones)),
    ]
    wanted += [("EMS", f"told {name}") for name in TOLD]
    return {
        "Output:Variable": {
            f"output {number}": {"key_value": key, "variable_name": what, "reporting_frequency": "Timestep"}
            for number, (key, what) in enumerate(wanted)
        },
        "OutputControl:Files": {
            "files": {
                "output_csv": "Yes",
                "output_eso": "No",
                "output_mtr": "No",
                "output_eio": "No",
                "output_tabular": "No",
                "output_sqlite": "No",
                "output_audit": "No",
                "output_bnd": "No",
                "output_rdd": "No",
                "output_mdd": "No",
                "output_mtd": "No",
                "output_shd": "No",
            }
        },
    }
