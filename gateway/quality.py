"""What a series of days looks like to someone who has to forecast from it: each finding with its days and a remedy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from statistics import median
from typing import Literal

from pydantic import BaseModel

Kind = Literal["gap", "weekday-missing", "unit-slip", "outlier", "flat-line", "zero", "duplicate"]

FLAT_DAYS = 3  # of the very same load; a real one differs in its digits
FLAT_WEATHER_DAYS = 7  # temperature and humidity are told in coarser steps
SLIP = (300.0, 3000.0)  # kW for MW, or the other way round
NEIGHBOURS = 14  # days before and after
SPREADS = 6.0  # of the usual distance from the neighbours, beyond which a day stands out
LEAST = 0.1  # of the usual load; less is no outlier, however calm the series is
NORMAL = 1.4826  # makes the median distance of a normal law its standard deviation
MOST_DAYS = 50  # of a finding that are told
DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


class Finding(BaseModel):
    """Something about the series, on which days, and what to do."""

    kind: Kind
    column: str | None = None
    first: date | None = None
    last: date | None = None
    count: int
    dates: list[date] = []
    message: str
    remedy: str


@dataclass(frozen=True)
class Series:
    """Days in their order, and a column's value for each."""

    days: Sequence[date]
    columns: dict[str, Sequence[float | None]]
    target: str

    @property
    def load(self) -> list[float]:
        """The column that is forecast; it is never unknown."""
        return [value or 0.0 for value in self.columns[self.target]]


def look(series: Series, dropped: int = 0) -> list[Finding]:
    """All that is remarkable; ``dropped`` rows came for days that were there already."""
    found = list(_dropped(dropped))
    if series.days:
        found += [*_weekdays(series), *_gaps(series), *_zeros(series), *_flat(series), *_slips(series)]
        found += _outliers(series)
    return found


def _dropped(rows: int) -> Iterator[Finding]:
    if rows:
        message = f"{rows} imported rows were for days that had come before."
        yield Finding(kind="duplicate", count=rows, message=message, remedy="Look at what made the files overlap.")


def _gaps(series: Series) -> Iterator[Finding]:
    for before, after in pairwise(series.days):
        missing = (after - before).days - 1
        if missing:
            first, last = before + timedelta(1), after - timedelta(1)
            message = f"{missing} days are missing from {first} to {last}." if missing > 1 else f"{first} is missing."
            remedy = "Import them; up to a tenth of a history can be filled, more is refused."
            yield Finding(kind="gap", first=first, last=last, count=missing, message=message, remedy=remedy)


def _weekdays(series: Series) -> Iterator[Finding]:
    span = (series.days[-1] - series.days[0]).days + 1
    there = Counter(day.weekday() for day in series.days)
    for weekday, name in enumerate(DAYS):
        due = span // 7
        if due >= 4 and there[weekday] < due / 2:
            message = f"Most {name} are missing: {there[weekday]} of {due} are there."
            remedy = "Import them too, or forecasts for them are guesses."
            yield Finding(kind="weekday-missing", count=due - there[weekday], message=message, remedy=remedy)


def _zeros(series: Series) -> Iterator[Finding]:
    days = [day for day, load in zip(series.days, series.load, strict=True) if load == 0]
    if days:
        message = f"The {series.target} is zero on {len(days)} days."
        yield _on(
            days, "zero", series.target, message, "Delete those days if it was not measured; zeros count as gaps."
        )


def _flat(series: Series) -> Iterator[Finding]:
    for name, values in series.columns.items():
        if name == "rainfall":  # a dry month is no fault
            continue
        least = FLAT_DAYS if name == series.target else FLAT_WEATHER_DAYS
        for days, value in _runs(series.days, values):
            if len(days) >= least and value not in (None, 0):
                message = f"The {name} is {value:g} on {len(days)} days in a row."
                remedy = "Look whether the meter or the transfer stood still; delete days that were not measured."
                yield _on(days, "flat-line", name, message, remedy)


def _runs(days: Sequence[date], values: Sequence[float | None]) -> Iterator[tuple[list[date], float | None]]:
    """Days in a row, none missing, with one value."""
    numbered = enumerate(zip(days, values, strict=True))
    for (_, value), group in groupby(numbered, key=lambda each: (each[1][0].toordinal() - each[0], each[1][1])):
        yield [day for _, (day, _) in group], value


def _slipped(series: Series, low: float, high: float) -> list[date]:
    """Days whose load lies between so many times the usual one."""
    loads = series.load
    usual = median([load for load in loads if load > 0] or [0.0])
    return [day for day, load in zip(series.days, loads, strict=True) if usual and low <= load / usual <= high]


def _slips(series: Series) -> Iterator[Finding]:
    for word, low, high in (("larger", *SLIP), ("smaller", 1 / SLIP[1], 1 / SLIP[0])):
        if days := _slipped(series, low, high):
            message = f"The {series.target} is about 1,000 times {word} than usual on {len(days)} days."
            remedy = "Bring all days to one unit, kW or MW, and import these again with on_duplicate=replace."
            yield _on(days, "unit-slip", series.target, message, remedy)


def _outliers(series: Series) -> Iterator[Finding]:
    """Days that stand out among their neighbours (Hampel's rule), each measured by what its weekday usually is."""
    known = {*_slipped(series, *SLIP), *_slipped(series, 1 / SLIP[1], 1 / SLIP[0])}
    left = [(day, load) for day, load in zip(series.days, series.load, strict=True) if load and day not in known]
    if len(left) < NEIGHBOURS:
        return
    usual = {n: median([load for day, load in left if day.weekday() == n] or [1.0]) for n in range(7)}
    levels = [math.log(load / usual[day.weekday()]) for day, load in left]
    apart = [level - median(levels[max(0, n - NEIGHBOURS) : n + NEIGHBOURS + 1]) for n, level in enumerate(levels)]
    spread = NORMAL * median(map(abs, apart))
    days = [day for (day, _), far in zip(left, apart, strict=True) if abs(far) > max(LEAST, SPREADS * spread)]
    if days:
        message = f"The {series.target} on {len(days)} days is far from that of the weeks around them."
        remedy = "Compare them with the meter; correct or delete what was not measured, keep what was."
        yield _on(days, "outlier", series.target, message, remedy)


def _on(days: Sequence[date], kind: Kind, column: str, message: str, remedy: str) -> Finding:
    told = {"first": days[0], "last": days[-1], "count": len(days), "dates": days[:MOST_DAYS]}
    return Finding.model_validate({"kind": kind, "column": column, "message": message, "remedy": remedy, **told})
