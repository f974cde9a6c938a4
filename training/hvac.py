"""Open readings of air-handling units: the laboratory's, LBNL's labelled days, any table with a map of its columns.

What comes out is the same everywhere: the points of ``bentos.fault.points`` in their units, rows by UTC moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bentos.fault.points import CONVERSIONS, NAMES, POINTS, REQUIRED
from training.datasets import DataError

EPISODES = "episodes.parquet"
HEALTHY = "none"  # the fault of a unit, or of a day, without one


@dataclass(frozen=True)
class Column:
    """A table's column and the UCUM code of its unit; a blank at its name's end does not count."""

    name: str
    unit: str


@dataclass(frozen=True)
class Day:
    """One labelled day of LBNL's sets: 1440 minutes of readings, joined to no other day."""

    date: pd.Timestamp
    fault: str  # code of ours, or ``none``
    intensity: str  # as the inventory has it
    readings: pd.DataFrame
    others: pd.DataFrame  # what the unit has beside our points, as it was recorded


# ASHRAE RP-1312's units, as LBNL publishes them. Their stamps are local (Ankeny, Iowa) and say no zone.
LBNL_COLUMNS = {
    "outdoor_air_temperature": Column("AHU: Outdoor Air Temperature", "[degF]"),
    "return_air_temperature": Column("AHU: Return Air Temperature", "[degF]"),
    "mixed_air_temperature": Column("AHU: Mixed Air Temperature", "[degF]"),
    "supply_air_temperature": Column("AHU: Supply Air Temperature", "[degF]"),
    "supply_air_temperature_setpoint": Column("AHU: Supply Air Temperature Set Point", "[degF]"),
    "supply_fan_status": Column("AHU: Supply Air Fan Status", "1"),
    "supply_fan_speed": Column("AHU: Supply Air Fan Speed Control Signal", "1"),
    "outdoor_damper_position": Column("AHU: Outdoor Air Damper Control Signal", "1"),
    "cooling_valve_position": Column("AHU: Cooling Coil Valve Control Signal", "1"),
    "heating_valve_position": Column("AHU: Heating Coil Valve Control Signal", "1"),
    # It is told as psi; 1.4 psi is 9,650 Pa, ten times what a duct holds, and 1.4 inches of water are 349 Pa.
    "duct_static_pressure": Column("AHU: Supply Air Duct Static Pressure", "[in_i'H2O]"),
    "duct_static_pressure_setpoint": Column("AHU: Supply Air Duct Static Pressure Set Point", "[in_i'H2O]"),
    "occupied": Column("Occupancy Mode Indicator", "1"),
}
LBNL_OTHERS = [
    "AHU: Return Air Fan Status",
    "AHU: Return Air Fan Speed Control Signal",
    "AHU: Exhaust Air Damper Control Signal",
    "AHU: Return Air Damper Control Signal",
]
LBNL_ZONE = "America/Chicago"
LBNL_FAULTS = {
    "none": HEALTHY,
    "heating_valve_leak": "F-HCV-LEAK",
    "cooling_valve_stuck": "F-CCV-STUCK",
    "oa_damper_stuck": "F-OAD-STUCK",
}


def episodes_of(folder: Path) -> pd.DataFrame:
    """What went wrong in the laboratory's units that have been run; its columns are in docs/laboratory.md.

    Raises ``DataError`` where no campaign lies in ``folder``.
    """
    if not (folder / EPISODES).is_file():
        raise DataError(f"{folder.name} has no {EPISODES}. Run make simulate first.")
    table = pd.read_parquet(folder / EPISODES)
    run = [(folder / f"{unit}.parquet").is_file() for unit in table["unit"]]
    return table[run].reset_index(drop=True)


def readings_of(folder: Path, unit: str) -> pd.DataFrame:
    """[T] the points of one of the laboratory's units; a row's moment is the end of its quarter of an hour."""
    path = folder / f"{unit}.parquet"
    if not path.is_file():
        raise DataError(
            f"{folder.name} has no readings of {unit}. Run make simulate again; it goes on where it stopped."
        )
    return pd.read_parquet(path)


def open_lbnl(folder: Path, name: str) -> list[Day]:
    """The days of ``MZVAV-2-1`` (an experiment) or ``MZVAV-2-2`` (a simulation), labelled by the inventory.

    The ground truth column of the tables is not read: it is wrong on 2007-08-30. Raises ``DataError``.
    """
    table, labels = folder / f"{name}.csv", folder / f"{name}.labels.csv"
    if not (table.is_file() and labels.is_file()):
        raise DataError(f"{folder.name} needs {table.name} and {labels.name}.")
    readings = open_table(table, "Datetime", LBNL_COLUMNS, LBNL_ZONE)
    said = pd.read_csv(labels, parse_dates=["date"], keep_default_na=False).set_index("date")
    dates = pd.DatetimeIndex(readings.index).tz_convert(LBNL_ZONE).tz_localize(None).normalize()
    faults, intensities = said["fault_type"].map(LBNL_FAULTS), said["intensity"]
    others = pd.read_csv(table).rename(columns=str.strip)[LBNL_OTHERS].set_axis(_lbnl_stamps(table)).sort_index()
    return [
        Day(date, str(faults[date]), str(intensities[date]), readings[dates == date], others[dates == date])
        for date in dates.unique()
    ]


def _lbnl_stamps(table: Path) -> pd.DatetimeIndex:
    return _utc(pd.read_csv(table, usecols=["Datetime"])["Datetime"], table.name, LBNL_ZONE)


def open_table(path: Path, moment: str, columns: Mapping[str, Column], timezone: str) -> pd.DataFrame:
    """[T] a CSV's points in our units, by UTC; ``columns`` by point, ``timezone`` of stamps without an offset.

    Points that the map does not name are missing. Raises ``DataError`` for what cannot be read as that.
    """
    _refuse_map(columns)
    table = pd.read_csv(path).rename(columns=str.strip)
    absent = sorted({moment, *(column.name for column in columns.values())} - set(table.columns))
    if absent:
        raise DataError(f"{path.name} has no column {', '.join(absent)}. It has {', '.join(table.columns)}.")
    stamps = _utc(table[moment], path.name, timezone)
    points = {point: _converted(table[column.name], point, column, path.name) for point, column in columns.items()}
    ordered = pd.DataFrame({name: points[name] for name in NAMES if name in points})
    return ordered.set_axis(stamps).sort_index().rename_axis("timestamp")


def _refuse_map(columns: Mapping[str, Column]) -> None:
    if unknown := sorted(set(columns) - set(NAMES)):
        raise DataError(f"There is no point {', '.join(unknown)}. There are {', '.join(NAMES)}.")
    if missing := sorted(set(REQUIRED) - set(columns)):
        raise DataError(f"The map names no column for {', '.join(missing)}: without it nothing can be said of a unit.")
    for point, column in columns.items():
        known = CONVERSIONS[POINTS[point].quantity]
        if column.unit not in known:
            raise DataError(f"{point} cannot be in {column.unit}. Give one of {', '.join(known)}.")


def _converted(values: pd.Series, point: str, column: Column, name: str) -> pd.Series:
    factor, offset = CONVERSIONS[POINTS[point].quantity][column.unit]
    numbers = pd.to_numeric(values, errors="coerce")
    if (numbers.isna() & values.notna()).any():
        raise DataError(f"{name}: {column.name} holds something that is not a number. Correct or empty it.")
    return numbers * factor + offset


def _utc(stamps: pd.Series, name: str, timezone: str) -> pd.DatetimeIndex:
    try:
        moments = pd.DatetimeIndex(pd.to_datetime(stamps))
        moments = moments.tz_localize(timezone) if moments.tz is None else moments
    except ValueError as error:
        raise DataError(f"{name}: {error}. Write moments as 2014-05-01T00:15:00Z.") from None
    if moments.has_duplicates:
        raise DataError(f"{name} has {moments[moments.duplicated()][0]} twice. Keep one row of each moment.")
    return moments.tz_convert("UTC")
