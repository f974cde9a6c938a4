"""What a table of measurements may hold: its columns, and how a cell of a spreadsheet becomes a day or a number.

Another table, of gas or water, is another tuple of columns. Only the standard library is needed here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

FIRST_YEAR, LAST_YEAR = 1900, 2200
LONGEST_VALUE = 60  # of a wrong cell's text that comes back

_BRACKETS = re.compile(r"[(\[].*?[)\]]")
_YEAR_FIRST = re.compile(r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2}))")
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?")
_COMPACT = re.compile(r"((?:19|20|21)\d\d)(\d\d)(\d\d)")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")
_NAMED = (
    re.compile(r"(?P<day>\d{1,2})[ -](?P<month>[A-Za-z]{3,9})\.?[ -](?P<year>\d{4})"),
    re.compile(r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})"),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WITH_TIME = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}[T ]\d")
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0+)?)?$")

_PLAIN = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?|[+-]?\.\d+")
_UNCLEAR = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_COMMA_DECIMAL = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}((,\d{3})+\.\d+|(,\d{3}){2,})")
_SPACE_THOUSANDS = re.compile(r"(?<=\d)[ '’](?=\d{3}(?!\d))")

DAY_REMEDY = "Write the day as an Excel date or as text such as 2024-05-31."
NUMBER_REMEDY = "Write a plain number, with nothing else in the cell."
EMPTY_REMEDY = "Fill it in or delete the row; a formula counts once Excel has calculated and saved it."


@dataclass(frozen=True)
class Column:
    """A column of numbers: what it may be called, and from where to where its values go."""

    name: str
    called: Collection[str]  # as ``named`` gives it
    low: float
    high: float
    needed: bool = False


class CellError(ValueError):
    """A cell that cannot be taken: what is wrong, and what to do."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


DATE = ("date", "day", "日期")
POWER = (
    Column("temperature", ("temperature", "temp", "温度", "气温", "溫度"), -90, 70),
    Column("humidity", ("humidity", "relative humidity", "湿度", "相对湿度", "濕度"), 0, 100),
    Column("rainfall", ("rainfall", "rain", "precipitation", "降雨量", "降雨", "降水量"), 0, 3000),
    Column("load", ("load", "power load", "负荷", "电力负荷", "負荷"), 0, 1e12, needed=True),
)


def named(header: object) -> str:
    """A header without case, width, its unit in brackets, and spaces that say nothing."""
    text = unicodedata.normalize("NFKC", str(header or "")).casefold()
    return " ".join(_BRACKETS.sub("", text).replace("_", " ").split())


def shown(value: object) -> str | None:
    """A cell as it goes back to whoever wrote it."""
    if value is None:
        return None
    text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


def find(headers: Sequence[object], columns: Sequence[Column]) -> tuple[dict[str, int], list[str], list[str]]:
    """Where each column stands; those that stand twice, and those that mean nothing here."""
    meanings = {called: column.name for column in columns for called in column.called}
    meanings |= dict.fromkeys(DATE, "date")
    places: dict[str, int] = {}
    twice, strange = [], []
    for place, header in enumerate(headers):
        meaning = meanings.get(named(header))
        if meaning is None:
            strange += [shown(header) or ""] if header is not None else []
        elif meaning in places:
            twice.append(meaning)
        else:
            places[meaning] = place
    return places, twice, strange


def day(value: object) -> date:
    """The local calendar day that a cell means. Raises ``CellError`` where it is none or could be two."""
    if value is None or value == "":
        raise CellError("day-missing", "The day is missing.", EMPTY_REMEDY)
    if isinstance(value, datetime):
        if value.time().replace(microsecond=0) != value.time().min:
            raise CellError("day-with-time", "This is a moment, not a day.", "Keep one row for each day.")
        found = value.date()
    elif isinstance(value, str):
        found = _written_day(unicodedata.normalize("NFKC", value).strip())
    elif isinstance(value, int | float) and not isinstance(value, bool) and _COMPACT.fullmatch(f"{value:.0f}"):
        found = _written_day(f"{value:.0f}")
    else:
        raise CellError("day-unknown", "This is no day.", f"Format the cell as a date. {DAY_REMEDY}")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise CellError("day-too-far", f"Days from {FIRST_YEAR} to {LAST_YEAR} are taken.", "Correct the year.")
    return found


def number(value: object, column: Column) -> float | None:
    """A cell's number; nothing where the cell is empty and may be. Raises ``CellError``."""
    if value is None or (isinstance(value, str) and not value.strip()):
        if column.needed:
            raise CellError("value-missing", f"The {column.name} is missing.", EMPTY_REMEDY)
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str):
        found = _written_number(unicodedata.normalize("NFKC", value).strip())
    else:
        raise CellError("not-a-number", f"The {column.name} is no number.", NUMBER_REMEDY)
    if not column.low <= found <= column.high:
        limits = f"from {column.low:g} to {column.high:g}"
        raise CellError("out-of-range", f"The {column.name} must lie {limits}.", "Correct the value or its unit.")
    return found


def _written_day(text: str) -> date:
    text = _MIDNIGHT.sub("", text)
    for form in (_YEAR_FIRST, _CHINESE, _COMPACT):
        if parts := form.fullmatch(text):
            return _calendar(*[int(part) for part in parts.groups() if part])
    if parts := _DOTTED.fullmatch(text):
        return _calendar(int(parts[3]), int(parts[2]), int(parts[1]))
    if parts := _SLASHED.fullmatch(text):
        month, day_of_it = sorted((int(parts[1]), int(parts[2])))
        if month < day_of_it <= 12:
            raise CellError("day-ambiguous", "Day and month could be the other way round.", DAY_REMEDY)
        return _calendar(int(parts[3]), month, day_of_it)
    if (parts := _NAMED[0].fullmatch(text) or _NAMED[1].fullmatch(text)) and parts["month"][:3].lower() in _MONTHS:
        return _calendar(int(parts["year"]), 1 + _MONTHS.index(parts["month"][:3].lower()), int(parts["day"]))
    if _WITH_TIME.match(text):
        raise CellError("day-with-time", "This is a moment, not a day.", "Keep one row for each day.")
    raise CellError("day-unknown", "This is no day that can be read.", DAY_REMEDY)


def _calendar(year: int, month: int, day_of_it: int) -> date:
    try:
        return date(year, month, day_of_it)
    except ValueError:
        raise CellError("day-unknown", "There is no such day in the calendar.", DAY_REMEDY) from None


def _written_number(text: str) -> float:
    if text.startswith("#"):
        raise CellError("formula-error", "The cell holds an error of a formula.", "Correct the formula or the value.")
    text = _SPACE_THOUSANDS.sub("", text).replace("\N{MINUS SIGN}", "-")
    if _UNCLEAR.fullmatch(text):
        message = "The sign before three digits could be a decimal point or could part thousands."
        raise CellError("number-ambiguous", message, "Store it as a number, not as text.")
    if _PLAIN.fullmatch(text):
        return float(text)
    if _COMMA_DECIMAL.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if _COMMA_THOUSANDS.fullmatch(text):
        return float(text.replace(",", ""))
    raise CellError("not-a-number", "This text is no number.", NUMBER_REMEDY)
