"""What the calendar says about a day: its weekday, its holidays, the seasons of the great festivals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY = timedelta(days=1)

# A festival moves load for weeks around its first day. Knots are days from it; between them the effect is linear.
FESTIVALS = {
    "lunar_new_year": (
        re.compile(r"Spring Festival|(Chinese|Lunar|Korean|Vietnamese) New Year(?!'s Eve)", re.I),
        (-25, -18, -12, -8, -4, -1, 0, 2, 5, 8, 12, 16, 22),
    ),
    "christmas": (re.compile(r"^Christmas Day$", re.I), (-7, -3, -1, 0, 1, 3, 6, 7, 9, 14, 20, 28, 34)),
    "easter": (re.compile(r"^Good Friday$|^Easter Sunday$", re.I), (-3, -1, 0, 1, 2, 3, 4, 7)),
    "eid": (re.compile(r"^Eid al-Fitr", re.I), (-30, -15, -5, -1, 0, 1, 2, 4, 8)),
}
FESTIVAL_DAYS = 40  # a later match is another year's
MOVED = re.compile(r"observed|substitute|in lieu|Day off", re.I)
REMARK = re.compile(r"\s*\(.*\)$")


class RegionError(ValueError):
    """The country or subdivision has no known calendar of holidays."""


@dataclass(frozen=True)
class Region:
    """Where the load stands: ISO 3166 country and subdivision; without a country there are no holidays."""

    country: str | None = None
    subdivision: str | None = None


@dataclass(frozen=True)
class Holidays:
    """Holidays by day, and the weekend days that are worked to make up for one."""

    names: dict[date, str]
    worked_weekends: frozenset[date]


@lru_cache(maxsize=64)
def holidays_of(region: Region, first_year: int, last_year: int) -> Holidays:
    """Of the library ``holidays``, in English, a year more on both sides; ``RegionError`` for an unknown place."""
    if region.country is None:
        return Holidays({}, frozenset())
    try:
        known = holidays.country_holidays(region.country, subdiv=region.subdivision)
        language = "en_US" if "en_US" in known.supported_languages else known.default_language
        years = range(first_year - 1, last_year + 2)
        table = holidays.country_holidays(region.country, region.subdivision, years=years, language=language)
    except NotImplementedError as unknown:
        raise RegionError(
            f"{unknown}. Use ISO 3166 codes such as AU and VIC, or leave country and subdivision out."
        ) from None
    return Holidays(dict(table), frozenset(getattr(table, "weekend_workdays", ())))


def calendar_columns(days: pd.DatetimeIndex, region: Region) -> dict[str, Floats]:
    """Columns of zeros and ones (festivals: up to one) for each of ``days``, by name; Monday is all zeros."""
    first_year, last_year = days[0].year, days[-1].year
    names, whole = whole_years(region, first_year, last_year)
    place = (days - pd.Timestamp(first_year, 1, 1)).days.to_numpy()
    return dict(zip(names, whole[place].T, strict=True))


@lru_cache(maxsize=16)  # of at most ten megabytes, mostly one
def whole_years(region: Region, first_year: int, last_year: int) -> tuple[tuple[str, ...], Floats]:
    """Names of columns and their values [days, columns], from the first year's first day to the last year's last."""
    table = holidays_of(region, first_year, last_year)
    days = pd.date_range(date(first_year, 1, 1), date(last_year, 12, 31))
    columns = _columns(days, table)
    return tuple(columns), np.stack(list(columns.values()), axis=1)


def _columns(days: pd.DatetimeIndex, table: Holidays) -> dict[str, Floats]:
    dates = [stamp.date() for stamp in days]
    free = _flags(day in table.names for day in dates)
    made_up = _flags(day in table.worked_weekends for day in dates)
    weekday = np.where(made_up > 0, 0, days.day_of_week)
    columns = {f"weekday_{k}": ((weekday == k) & (free == 0)).astype(float) for k in range(1, 7)}
    working = (free == 0) & (weekday < 5)
    columns["holiday"] = free
    columns["made_up"] = made_up
    columns["before_holiday"] = _flags(day + DAY in table.names for day in dates) * working
    columns["after_holiday"] = _flags(day - DAY in table.names for day in dates) * working
    return columns | _named(dates, table.names) | _festivals(dates, table.names)


def _flags(truths: Iterable[bool]) -> Floats:
    return np.fromiter(truths, dtype=float)


def _named(dates: Sequence[date], names: dict[date, str]) -> dict[str, Floats]:
    """One column a holiday: Christmas is not Labour Day."""
    plain = {day: REMARK.sub("", name.split(";")[0]) for day, name in names.items() if not MOVED.search(name)}
    return {f"is {name}": _flags(plain.get(d) == name for d in dates) for name in sorted(set(plain.values()))}


def _festivals(dates: Sequence[date], names: dict[date, str]) -> dict[str, Floats]:
    ordinals = np.array([day.toordinal() for day in dates])
    columns: dict[str, Floats] = {}
    for festival, (pattern, knots) in FESTIVALS.items():
        first_days: list[int] = []
        for day in sorted(names):
            is_first = not first_days or day.toordinal() - first_days[-1] > FESTIVAL_DAYS
            shared = names[day].split("; ")  # Easter Sunday may be another holiday as well
            if is_first and any(pattern.search(name) and not MOVED.search(name) for name in shared):
                first_days.append(day.toordinal())
        if first_days:
            gaps = ordinals[:, None] - np.array(first_days)
            nearest = gaps[np.arange(len(gaps)), np.abs(gaps).argmin(axis=1)].astype(float)
            columns |= {f"{festival}{knots[i]:+d}": _hat(nearest, knots, i) for i in range(len(knots))}
    return columns


def _hat(x: Floats, knots: Sequence[int], i: int) -> Floats:
    """One at knot ``i``, falling to zero at its neighbours: a basis of linear interpolation."""
    left = knots[i - 1] if i else knots[0] - 6
    right = knots[i + 1] if i + 1 < len(knots) else knots[-1] + 6
    return np.clip(np.minimum((x - left) / (knots[i] - left), (right - x) / (right - knots[i])), 0, None)
