"""What stands around an air-handling unit: a small office of a few zones, and its hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Model = dict[str, dict[str, dict[str, Any]]]  # epJSON: kind of object, name, fields

HEIGHT_M = 3.0
WARM_UP_H = 2  # before people come; the outdoor damper stays shut


@dataclass(frozen=True)
class Building:
    """A variant: one storey of ``zones`` in a row, each with an outer wall to the south and the north."""

    zones: int
    width_m: float
    depth_m: float
    window_share: float  # of the southern wall
    glazing_u: float  # W/(m2 K)
    solar_gain: float  # coefficient of the glazing
    insulation_m: float
    slab_m: float  # of concrete
    people_m2: float  # floor area a head
    lights_w_m2: float
    equipment_w_m2: float
    infiltration_ach: float
    opens: int  # hour, local standard time
    closes: int
    saturday: bool
    heating_c: float
    cooling_c: float
    minimum_box_flow: float  # share of a terminal box's greatest flow
    economizer: Literal["differential", "fixed"]
    changeover_c: float  # of a fixed one
    minimum_outdoor: float  # share of the supply air while people are there
    supply_c: float  # set-point of the supply air in warm weather
    reset_k: float  # so much warmer in cold weather


def draw_building(rng: np.random.Generator) -> Building:
    """A variant within what small offices are (ranges around ASHRAE 90.1 prototypes, old and new)."""
    opens = int(rng.integers(6, 10))
    return Building(
        zones=int(rng.integers(2, 4)),
        width_m=round(rng.uniform(8, 20), 1),
        depth_m=round(rng.uniform(8, 16), 1),
        window_share=round(rng.uniform(0.25, 0.65), 2),
        glazing_u=round(rng.uniform(1.4, 3.6), 2),
        solar_gain=round(rng.uniform(0.25, 0.6), 2),
        insulation_m=round(rng.uniform(0.04, 0.16), 3),
        slab_m=round(rng.uniform(0.08, 0.2), 3),
        people_m2=round(rng.uniform(9, 22), 1),
        lights_w_m2=round(rng.uniform(6, 14), 1),
        equipment_w_m2=round(rng.uniform(6, 18), 1),
        infiltration_ach=round(rng.uniform(0.05, 0.4), 2),
        opens=opens,
        closes=int(rng.integers(opens + 9, 22)),
        saturday=bool(rng.random() < 0.4),
        heating_c=round(rng.uniform(20, 21.5), 1),
        cooling_c=round(rng.uniform(23, 25), 1),
        minimum_box_flow=round(rng.uniform(0.2, 0.4), 2),
        economizer="differential" if rng.random() < 0.6 else "fixed",
        changeover_c=round(rng.uniform(17, 21), 1),
        minimum_outdoor=round(rng.uniform(0.1, 0.3), 2),
        supply_c=round(rng.uniform(12.5, 14.5), 1),
        reset_k=float(rng.choice([0.0, 2.0, 4.0])),
    )


def occupied(building: Building, local: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Whether people are there in the quarter of an hour that ends at each of ``local``."""
    return _between(building, local, building.opens)


def running(building: Building, local: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Whether the unit is wanted: from the warm-up on until people leave."""
    return _between(building, local, building.opens - WARM_UP_H)


def _between(building: Building, local: pd.DatetimeIndex, first_hour: int) -> NDArray[np.bool_]:
    start = local - pd.Timedelta(minutes=15)
    days = start.day_of_week < (6 if building.saturday else 5)
    return np.asarray(days & (start.hour >= first_hour) & (start.hour < building.closes))


def shell(building: Building) -> Model:
    """Zones, walls, gains and thermostats as EnergyPlus objects, by kind and name."""
    model: Model = {**_schedules(building), **_constructions(building)}
    kinds = ("Zone", "People", "Lights", "ElectricEquipment", "ZoneInfiltration:DesignFlowRate")
    model |= {kind: {} for kind in kinds} | {"BuildingSurface:Detailed": {}, "FenestrationSurface:Detailed": {}}
    for number in range(building.zones):
        name = zone_name(number)
        model["Zone"][name] = {}
        model["BuildingSurface:Detailed"] |= _surfaces(building, name, number * building.width_m)
        model["FenestrationSurface:Detailed"] |= _window(building, name, number * building.width_m)
        zone = {"zone_or_zonelist_or_space_or_spacelist_name": name}
        model["People"][f"{name} people"] = zone | {
            "number_of_people_schedule_name": "presence",
            "number_of_people_calculation_method": "Area/Person",
            "floor_area_per_person": building.people_m2,
            "fraction_radiant": 0.3,
            "activity_level_schedule_name": "activity",
        }
        watts = {"design_level_calculation_method": "Watts/Area"}
        model["Lights"][f"{name} lights"] = (
            zone
            | watts
            | {
                "schedule_name": "presence",
                "watts_per_floor_area": building.lights_w_m2,
                "fraction_radiant": 0.42,
                "fraction_visible": 0.18,
            }
        )
        model["ElectricEquipment"][f"{name} equipment"] = (
            zone
            | watts
            | {
                "schedule_name": "plugs",
                "watts_per_floor_area": building.equipment_w_m2,
                "fraction_radiant": 0.3,
            }
        )
        model["ZoneInfiltration:DesignFlowRate"][f"{name} leaks"] = zone | {
            "schedule_name": "always",
            "design_flow_rate_calculation_method": "AirChanges/Hour",
            "air_changes_per_hour": building.infiltration_ach,
        }
    return model


def zone_name(number: int) -> str:
    """Of the zone at this place in the row."""
    return f"zone{number + 1}"


def compact(*days: tuple[str, list[tuple[int, float]]]) -> dict[str, Any]:
    """A Schedule:Compact from kinds of days, each with values until an hour."""
    fields = ["Through: 12/31"]
    for kind, values in days:
        fields.append(f"For: {kind}")
        for until, value in values:
            fields += [f"Until: {until}:00", str(value)]
    return {"schedule_type_limits_name": "any", "data": [{"field": field} for field in fields]}


def _schedules(building: Building) -> Model:
    opens, closes, start = building.opens, building.closes, building.opens - WARM_UP_H
    work = "Weekdays SummerDesignDay" + (" Saturday" if building.saturday else "")
    present = [(opens, 0.03), (opens + 1, 0.5), (opens + 4, 0.95), (opens + 5, 0.6), (closes - 1, 0.9), (closes, 0.4)]
    heats = f"{work} WinterDesignDay"
    return {
        "ScheduleTypeLimits": {"any": {}},
        "Schedule:Constant": {
            "always": {"schedule_type_limits_name": "any", "hourly_value": 1},
            "activity": {"schedule_type_limits_name": "any", "hourly_value": 120},
        },
        "Schedule:Compact": {
            "presence": compact((work, [*present, (24, 0.03)]), ("AllOtherDays", [(24, 0.03)])),
            "plugs": compact((work, [(opens, 0.3), (closes, 0.9), (24, 0.3)]), ("AllOtherDays", [(24, 0.3)])),
            "heating": compact(
                (heats, [(start, 15.0), (closes, building.heating_c), (24, 15.0)]), ("AllOtherDays", [(24, 15.0)])
            ),
            "cooling": compact(
                (heats, [(start, 30.0), (closes, building.cooling_c), (24, 30.0)]), ("AllOtherDays", [(24, 30.0)])
            ),
        },
    }


def _constructions(building: Building) -> Model:
    def material(thickness: float, conductivity: float, density: float) -> dict[str, Any]:
        return {
            "roughness": "MediumRough",
            "thickness": thickness,
            "conductivity": conductivity,
            "density": density,
            "specific_heat": 900,
        }

    return {
        "Material": {
            "brick": material(0.1, 0.9, 1900),
            "insulation": material(building.insulation_m, 0.04, 30),
            "gypsum": material(0.016, 0.16, 800),
            "concrete": material(building.slab_m, 1.7, 2300),
        },
        "WindowMaterial:SimpleGlazingSystem": {
            "glazing": {"u_factor": building.glazing_u, "solar_heat_gain_coefficient": building.solar_gain}
        },
        "Construction": {
            "outer": {"outside_layer": "brick", "layer_2": "insulation", "layer_3": "gypsum"},
            "inner": {"outside_layer": "gypsum", "layer_2": "gypsum"},
            "slab": {"outside_layer": "concrete"},
            "window": {"outside_layer": "glazing"},
        },
    }


def _surfaces(building: Building, zone: str, west: float) -> dict[str, Any]:
    east, north, top = west + building.width_m, building.depth_m, HEIGHT_M
    outer = {"outside_boundary_condition": "Outdoors", "sun_exposure": "SunExposed", "wind_exposure": "WindExposed"}
    inner = {"outside_boundary_condition": "Adiabatic", "sun_exposure": "NoSun", "wind_exposure": "NoWind"}
    sides: dict[str, tuple[str, str, dict[str, str], list[tuple[float, float, float]]]] = {
        "south": ("Wall", "outer", outer, [(west, 0, top), (west, 0, 0), (east, 0, 0), (east, 0, top)]),
        "north": ("Wall", "outer", outer, [(east, north, top), (east, north, 0), (west, north, 0), (west, north, top)]),
        "east": ("Wall", "inner", inner, [(east, 0, top), (east, 0, 0), (east, north, 0), (east, north, top)]),
        "west": ("Wall", "inner", inner, [(west, north, top), (west, north, 0), (west, 0, 0), (west, 0, top)]),
        "roof": ("Roof", "outer", outer, [(west, north, top), (west, 0, top), (east, 0, top), (east, north, top)]),
        "floor": ("Floor", "slab", inner, [(west, north, 0), (east, north, 0), (east, 0, 0), (west, 0, 0)]),
    }
    return {
        f"{zone} {side}": {
            "surface_type": kind,
            "construction_name": construction,
            "zone_name": zone,
            **exposure,
            "vertices": [
                dict(zip(("vertex_x_coordinate", "vertex_y_coordinate", "vertex_z_coordinate"), corner, strict=True))
                for corner in corners
            ],
        }
        for side, (kind, construction, exposure, corners) in sides.items()
    }


def _window(building: Building, zone: str, west: float) -> dict[str, Any]:
    """Centred in the southern wall, as wide as it is but for half a metre on each side."""
    left, right = west + 0.5, west + building.width_m - 0.5
    high = building.window_share * HEIGHT_M * building.width_m / (right - left)
    bottom = (HEIGHT_M - high) / 2
    corners = [(left, bottom + high), (left, bottom), (right, bottom), (right, bottom + high)]
    fields: dict[str, Any] = {
        "surface_type": "Window",
        "construction_name": "window",
        "building_surface_name": f"{zone} south",
        "number_of_vertices": 4,
    }
    for number, (x, z) in enumerate(corners, start=1):
        fields |= {
            f"vertex_{number}_x_coordinate": x,
            f"vertex_{number}_y_coordinate": 0,
            f"vertex_{number}_z_coordinate": z,
        }
    return {f"{zone} window": fields}
