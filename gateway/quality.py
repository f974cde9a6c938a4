"""What a series of days looks like to someone who has to forecast from it: each finding with its days and a remedy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise
from statistics import median
from typing import Literal

from pydantic import BaseModel

from gateway.series import TARGET, Series, Slot

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
class History:
    """A series' days in their order, and by slot a value for each."""

    series: Series
    days: Sequence[date]
    values: Mapping[Slot, Sequence[float | None]]

    @property
    def target(self) -> str:
        """What the series calls that which is forecast."""
        return self.series.target.name

    @property
    def load(self) -> list[float]:
        """Its values; they are never unknown."""
        return [value or 0.0 for value in self.values[TARGET]]


def look(history: History, dropped: int = 0) -> list[Finding]:
    """All that is remarkable; ``dropped`` rows came for days that were there already."""
    found = list(_dropped(dropped))
    if history.days:
        found += [*_weekdays(history), *_gaps(history), *_zeros(history), *_flat(history), *_slips(history)]
        found += _outliers(history)
    return found


def _dropped(rows: int) -> Iterator[Finding]:
    if rows:
        message = f"{rows} imported rows were for days that had come before."
        yield Finding(kind="duplicate", count=rows, message=message, remedy="Look at what made the files overlap.")


def _gaps(history: History) -> Iterator[Finding]:
    for before, after in pairwise(history.days):
        missing = (after - before).days - 1
        if missing:
            first, last = before + timedelta(1), after - timedelta(1)
            message = f"{missing} days are missing from {first} to {last}." if missing > 1 else f"{first} is missing."
            remedy = "Import them; up to a tenth of a history can be filled, more is refused."
            yield Finding(kind="gap", first=first, last=last, count=missing, message=message, remedy=remedy)


def _weekdays(history: History) -> Iterator[Finding]:
    span = (history.days[-1] - history.days[0]).days + 1
    there = Counter(day.weekday() for day in history.days)
    for weekday, name in enumerate(DAYS):
        due = span // 7
        if due >= 4 and there[weekday] < due / 2:
            message = f"Most {name} are missing: {there[weekday]} of {due} are there."
            remedy = "Import them too, or forecasts for them are guesses."
            yield Finding(kind="weekday-missing", count=due - there[weekday], message=message, remedy=remedy)


def _zeros(history: History) -> Iterator[Finding]:
    days = [day for day, load in zip(history.days, history.load, strict=True) if load == 0]
    if days:
        message = f"The {history.target} is zero on {len(days)} days."
        yield _on(
            days, "zero", history.target, message, "Delete those days if it was not measured; zeros count as gaps."
        )


def _flat(history: History) -> Iterator[Finding]:
    for slot, column in history.series.slots.items():
        if slot == "rainfall":  # a dry month is no fault
            continue
        name, least = column.name, FLAT_DAYS if slot == TARGET else FLAT_WEATHER_DAYS
        for days, value in _runs(history.days, history.values[slot]):
            if len(days) >= least and value not in (None, 0):
                message = f"The {name} is {value:g} on {len(days)} days in a row."
                remedy = "Look whether the meter or the transfer stood still; delete days that were not measured."
                yield _on(days, "flat-line", name, message, remedy)


def _runs(days: Sequence[date], values: Sequence[float | None]) -> Iterator[tuple[list[date], float | None]]:
    """Days in a row, none missing, with one value."""
    numbered = enumerate(zip(days, values, strict=True))
    for (_, value), group in groupby(numbered, key=lambda each: (each[1][0].toordinal() - each[0], each[1][1])):
        yield [day for _, (day, _) in group], value


def _slipped(history: History, low: float, high: float) -> list[date]:
    """Days whose load lies between so many times the usual one."""
    loads = history.load
    usual = median([load for load in loads if load > 0] or [0.0])
    return [day for day, load in zip(history.days, loads, strict=True) if usual and low <= load / usual <= high]


def _slips(history: History) -> Iterator[Finding]:
    for word, low, high in (("larger", *SLIP), ("smaller", 1 / SLIP[1], 1 / SLIP[0])):
        if days := _slipped(history, low, high):
            message = f"The {history.target} is about 1,000 times {word} than usual on {len(days)} days."
            remedy = "Bring all days to one unit and import these again with on_duplicate=replace."
            yield _on(days, "unit-slip", history.target, message, remedy)


def _outliers(history: History) -> Iterator[Finding]:
    """Days that stand out among their neighbours (Hampel's rule), each measured by what its weekday usually is."""
    known = {*_slipped(history, *SLIP), *_slipped(history, 1 / SLIP[1], 1 / SLIP[0])}
    left = [(day, load) for day, load in zip(history.days, history.load, strict=True) if load and day not in known]
    if len(left) < NEIGHBOURS:
        return
    usual = {n: median([load for day, load in left if day.weekday() == n] or [1.0]) for n in range(7)}
    levels = [math.log(load / usual[day.weekday()]) for day, load in left]
    apart = [level - median(levels[max(0, n - NEIGHBOURS) : n + NEIGHBOURS + 1]) for n, level in enumerate(levels)]
    spread = NORMAL * median(map(abs, apart))
    days = [day for (day, _), far in zip(left, apart, strict=True) if abs(far) > max(LEAST, SPREADS * spread)]
    if days:
        message = f"The {history.target} on {len(days)} days is far from that of the weeks around them."
        remedy = "Compare them with the meter; correct or delete what was not measured, keep what was."
        yield _on(days, "outlier", history.target, message, remedy)


def _on(days: Sequence[date], kind: Kind, column: str, message: str, remedy: str) -> Finding:
    told = {"first": days[0], "last": days[-1], "count": len(days), "dates": days[:MOST_DAYS]}
    return Finding.model_validate({"kind": kind, "column": column, "message": message, "remedy": remedy, **told})
