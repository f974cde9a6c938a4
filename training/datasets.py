"""Open raw data and check it: the only reader of files. What comes out is a series of local days."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bentos.load.calendar import Region
from bentos.load.known import WEATHER, Known, known_from_table
from bentos.load.schema import MAX_GAP_SHARE, MIN_DAYS

# The contest's wide tables: a row a day, a column a quarter of an hour; weather by day beside it.
EECUP_WEATHER = {"Avg_Temperature": "temperature", "Avg_Humidity": "humidity", "Rainfall": "rainfall"}


class DataError(ValueError):
    """A file cannot be used as it is; the text says what to do."""


@dataclass(frozen=True)
class Place:
    """Where a series was measured: IANA time zone for its days, region for its holidays."""

    timezone: str
    region: Region


def open_series(source: str, place: Place) -> Known:
    """``vic_elec``, a CSV or .xlsx file, or a folder as the EE-Cup 2016 laid it out. Raises ``DataError``."""
    path = Path(source)
    if source == "vic_elec":
        table = _vic_elec(place.timezone)
    elif path.is_dir():
        table = _eecup(path)
    elif path.is_file():
        table = _days(_read(path), path.name, place.timezone)
    else:
        raise DataError(f"{source} is not there. Give vic_elec, a .csv or .xlsx file, or an EE-Cup folder.")
    return known_from_table(_checked(table, source), place.region)


def _vic_elec(timezone: str) -> pd.DataFrame:
    """Victoria 2012-2014, real: half-hours of demand (MW) and air temperature (°C) to means of local days."""
    from tsdata.fpp3 import raw  # noqa: PLC0415 - reads twelve megabytes at import

    half_hours = raw["vic_elec"].rename(columns={"Time": "date", "Demand": "load", "Temperature": "temperature"})
    return _days(half_hours[["date", "load", "temperature"]], "vic_elec", timezone)


def _eecup(folder: Path) -> pd.DataFrame:
    loads, weathers = sorted(folder.glob("*_Load.csv")), sorted(folder.glob("*_Weather.csv"))
    if len(loads) != 1 or len(weathers) != 1:
        raise DataError(f"{folder.name} needs one *_Load.csv and one *_Weather.csv; give a file instead.")
    quarters = pd.read_csv(loads[0], index_col=0, parse_dates=True)
    weather = pd.read_csv(weathers[0], index_col=0, parse_dates=True).rename(columns=EECUP_WEATHER)
    complete = quarters.dropna().mean(axis=1).to_frame("load")
    return complete.join(weather[WEATHER])


def _read(path: Path) -> pd.DataFrame:
    if path.suffix.lower() == ".csv":
        table = pd.read_csv(path)
    elif path.suffix.lower() == ".xlsx":
        table = pd.read_excel(path, engine="openpyxl")
    else:
        raise DataError(f"{path.name}: only .csv and .xlsx are read. Save it as one of them.")
    missing = {"date", "load"} - set(table.columns)
    if missing:
        raise DataError(f"{path.name} has no column {', '.join(sorted(missing))}. Its first row must name the columns.")
    return table[[name for name in ("date", "load", *WEATHER) if name in table.columns]]


def _days(table: pd.DataFrame, name: str, timezone: str) -> pd.DataFrame:
    """Means of local calendar days (rain: sums). Stamps with an offset are moved into ``timezone``."""
    stamps = _stamps(table["date"], name, timezone)
    if stamps.duplicated().any():
        twice = ", ".join(str(stamp) for stamp in stamps[stamps.duplicated()].unique()[:5])
        raise DataError(f"{name} has rows twice: {twice}. Keep one of each.")
    numbers = table.drop(columns="date").apply(pd.to_numeric, errors="coerce")
    wrong = (numbers.isna() & table[numbers.columns].notna()).any(axis=1)
    if wrong.any():
        raise DataError(
            f"{name}, row {int(wrong.to_numpy().argmax()) + 2}: a cell is not a number. Correct or empty it."
        )
    by_day = numbers.groupby(stamps.dt.tz_localize(None).dt.normalize())
    days = by_day.mean()
    if "rainfall" in days:
        days["rainfall"] = by_day["rainfall"].sum(min_count=1)
    return pd.DataFrame(days.rename_axis(None))


def _stamps(column: pd.Series, name: str, timezone: str) -> pd.Series:
    try:
        stamps = pd.to_datetime(column)
    except ValueError as error:
        raise DataError(f"{name}: {error}. Write dates as 2014-05-01 or 2014-05-01T00:30:00+10:00.") from None
    return stamps.dt.tz_convert(timezone) if stamps.dt.tz is not None else stamps


def _checked(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Refuse what the schema would refuse of a caller's series."""
    name = Path(source).name
    if (table["load"] < 0).any():
        raise DataError(f"{name} has negative loads. Net the generation out, or give consumption alone.")
    measured = table.index[table["load"] > 0]
    if len(measured) < MIN_DAYS:
        raise DataError(f"{name} has {len(measured)} days with load; at least {MIN_DAYS} are needed.")
    span = (measured.max() - measured.min()).days + 1
    if span - len(measured) > MAX_GAP_SHARE * span:
        raise DataError(f"{name} misses {span - len(measured)} of {span} days; add them or cut the series.")
    return table
