"""Open raw data and check it: the only reader of files. What comes out is a series of local days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
from pydantic import ValidationError

from bentos.load.calendar import Region
from bentos.load.known import WEATHER, Known, known_from_table
from bentos.load.schema import MAX_GAP_SHARE, MAX_ROWS, MIN_DAYS, Reading

# The contest's wide tables: a row a day, a column a quarter of an hour; weather by day beside it.
EECUP_WEATHER = {"Avg_Temperature": "temperature", "Avg_Humidity": "humidity", "Rainfall": "rainfall"}
OFFSET = r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|[+-]\d\d:?\d\d)$"  # at the end of a stamp


class DataError(ValueError):
    """A file cannot be used as it is; the text says what to do."""


class NoModelError(DataError):
    """Nothing is wrong with the days, but they are nothing to fit a model on."""


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
    quarters, weather = (_wide(path) for path in (loads[0], weathers[0]))
    _refuse_missing(weather, EECUP_WEATHER, weathers[0].name)
    complete = quarters.dropna().mean(axis=1).to_frame("load")
    return complete.join(weather.rename(columns=EECUP_WEATHER)[WEATHER])


def _wide(path: Path) -> pd.DataFrame:
    """Numbers by day, the first column."""
    table = _read(path)
    stamps = _stamps(table[table.columns[0]], path.name, "UTC")
    return _numbers(table[table.columns[1:]], path.name).set_index(pd.DatetimeIndex(stamps, name=None))


def _read(path: Path) -> pd.DataFrame:
    """The table of a file, without its empty rows; row ``n`` of the file has the label ``n - 2``."""
    if path.suffix.lower() not in {".csv", ".xlsx"}:
        raise DataError(f"{path.name}: only .csv and .xlsx are read. Save it as one of them.")
    try:
        csv = path.suffix.lower() == ".csv"
        table = pd.read_csv(path, skip_blank_lines=False) if csv else pd.read_excel(path, engine="openpyxl")
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise DataError(f"{path.name} cannot be read ({error}). Save it again as .csv (UTF-8) or .xlsx.") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first cells for row names
        raise DataError(
            f"{path.name}: rows have more cells than the header names. Name all, or write numbers with a point."
        )
    return table.dropna(how="all")


def _refuse_missing(table: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    missing = set(columns) - set(table.columns)
    if missing:
        raise DataError(f"{name} has no column {', '.join(sorted(missing))}. Its first row must name the columns.")


def _days(table: pd.DataFrame, name: str, timezone: str) -> pd.DataFrame:
    """Means of local calendar days (rain: sums). Stamps with an offset are moved into ``timezone``."""
    _refuse_missing(table, ("date", "load"), name)
    stamps = _stamps(table["date"], name, timezone)
    numbers = _numbers(table[[column for column in ("load", *WEATHER) if column in table.columns]], name)
    by_day = numbers.groupby(stamps.dt.tz_localize(None).dt.normalize())
    days = by_day.mean()
    if "rainfall" in days:
        days["rainfall"] = by_day["rainfall"].sum(min_count=1)
    return pd.DataFrame(days.rename_axis(None))


def _stamps(column: pd.Series, name: str, timezone: str) -> pd.Series:
    """One moment a row; with an offset it is told in ``timezone``."""
    form = "Write dates as 2014-05-01 or 2014-05-01T00:30:00+10:00"
    if column.isna().any() or pd.api.types.is_numeric_dtype(column):
        raise DataError(f"{name}, row {_row(column.isna())}: the date is empty or a bare number. {form}.")
    offset = column.astype(str).str.contains(OFFSET)
    if offset.any() and not offset.all():
        raise DataError(f"{name}: some dates have an offset from UTC and some have none. {form}, all alike.")
    try:
        stamps = pd.to_datetime(column, format="ISO8601", utc=bool(offset.any()))
    except ValueError as error:
        raise DataError(f"{name}: {error}. {form}.") from None
    if stamps.duplicated().any():
        twice = ", ".join(str(stamp) for stamp in stamps[stamps.duplicated()].unique()[:5])
        raise DataError(f"{name} has rows twice: {twice}. Keep one of each.")
    return stamps.dt.tz_convert(timezone) if offset.any() else stamps


def _numbers(table: pd.DataFrame, name: str) -> pd.DataFrame:
    numbers = pd.DataFrame(table.apply(pd.to_numeric, errors="coerce"))
    wrong = (numbers.isna() & table.notna()).any(axis=1)
    if wrong.any():
        raise DataError(f"{name}, row {_row(wrong)}: a cell is not a number. Correct or empty it.")
    return numbers


def _row(wrong: pd.Series) -> int:
    """In the file, of the first that is wrong."""
    return int(wrong.index.to_numpy()[wrong.to_numpy().argmax()]) + 2


def _checked(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Refuse what the schema would refuse of a caller's series."""
    name = Path(source).name
    if (table["load"] < 0).any():
        raise DataError(f"{name} has negative loads. Net the generation out, or give consumption alone.")
    measured = table.index[table["load"] > 0]
    if len(measured) < MIN_DAYS:
        raise NoModelError(f"{name} has {len(measured)} days with load; at least {MIN_DAYS} are needed.")
    span = (measured.max() - measured.min()).days + 1
    if span - len(measured) > MAX_GAP_SHARE * span:
        raise DataError(f"{name} misses {span - len(measured)} of {span} days; add them or cut the series.")
    if span > MAX_ROWS:
        raise DataError(f"{name} covers {span} days; at most {MAX_ROWS} are used. Cut its oldest years.")
    for day, row in table[table["load"] > 0].iterrows():
        _refuse_beyond_bounds(name, str(day)[:10], row.dropna())
    return table


def _refuse_beyond_bounds(name: str, day: str, row: pd.Series) -> None:
    try:
        Reading.model_validate({"date": day, **row.to_dict()})
    except ValidationError as refused:
        fault = refused.errors()[0]
        raise DataError(
            f"{name}, {day}: {fault['loc'][0]} is {fault['input']}. {fault['msg']}: correct or empty it."
        ) from None
