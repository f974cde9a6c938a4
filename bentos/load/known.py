"""A daily series as it was known at a moment: asking for a later day raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.load.calendar import Region, holidays_of
from bentos.load.schema import Question, Weather

Floats = NDArray[np.float64]

WEATHER = ["temperature", "humidity", "rainfall"]
COLUMNS = ["load", *WEATHER]
WEATHER_LASTS_DAYS = 3  # a gap in the weather that hides no season
NOTHING_AHEAD = pd.DataFrame(index=pd.DatetimeIndex([]), columns=WEATHER, dtype=float)
DAY_ZERO = date(1970, 1, 1).toordinal()  # of numpy's dates


class LookAheadError(LookupError):
    """Something known only after the moment of asking was asked for."""


@dataclass(frozen=True)
class Known:
    """What may be used at ``at``, its last day.

    ``days`` has a row for every local day, columns load (> 0) and WEATHER (°C, %, mm; NaN where unknown);
    ``ahead`` has the weather columns for later days and is empty unless a weather forecast was supplied.
    """

    days: pd.DataFrame
    ahead: pd.DataFrame
    region: Region
    filled: tuple[date, ...] = ()

    @property
    def at(self) -> pd.Timestamp:
        return pd.Timestamp(self.days.index[-1])

    def until(self, moment: pd.Timestamp) -> Known:
        """The same series as it stood at the end of ``moment``, no weather known ahead."""
        if moment > self.at:
            raise LookAheadError(f"{moment.date()} lies after {self.at.date()}, the last day that is known.")
        filled = tuple(day for day in self.filled if day <= moment.date())
        return replace(self, days=self.days.loc[:moment], ahead=self.ahead.iloc[:0], filled=filled)

    def with_weather_ahead(self, ahead: pd.DataFrame) -> Known:
        """The same moment with a weather forecast for the days after it."""
        return replace(self, ahead=ahead.loc[ahead.index > self.at, WEATHER])

    def weather_covers(self, days: pd.DatetimeIndex) -> bool:
        """Whether a temperature is known ahead for each of ``days``."""
        return bool(len(self.ahead)) and bool(self.ahead["temperature"].reindex(days).notna().all())


def known_from(question: Question) -> Known:
    """What a caller's question makes known. Raises ``RegionError``."""
    first, last = question.series[0].date, question.origin
    region = Region(question.country, question.subdivision)
    holidays_of(region, first.year, last.year)  # refused here, also where no model needs them
    dates, cells = _cells(question.series, COLUMNS)
    complete = dates <= np.datetime64(last)
    known = _known(dates[complete], cells[complete], region)
    if not question.weather_ahead:
        return known
    dates, cells = _cells(question.weather_ahead, WEATHER)
    return known.with_weather_ahead(pd.DataFrame(cells, index=pd.DatetimeIndex(dates), columns=WEATHER))


def known_from_table(table: pd.DataFrame, region: Region) -> Known:
    """A table of days in any order, at most one row a day; missing and zero days are filled and named.

    A gap takes the last known value of the same weekday, weather the day before's for a few days: nothing may look
    at what came after it.
    """
    measured = table.sort_index().reindex(columns=COLUMNS)
    return _known(measured.index.to_numpy(), measured.to_numpy(float), region)


def _known(dates: NDArray[np.datetime64], cells: Floats, region: Region) -> Known:
    """From ``dates`` in order and their rows [n, COLUMNS]."""
    begins = int((cells[:, 0] > 0).argmax())  # nothing lies before to fill a start from
    place = (dates[begins:] - dates[begins]).astype("timedelta64[D]").astype(int)
    days = np.full((place[-1] + 1, len(COLUMNS)), np.nan)
    days[place] = cells[begins:]
    every_day = pd.date_range(dates[begins], periods=len(days), freq="D")
    gap = ~(days[:, 0] > 0)
    days[:, 0] = _carried_on(_carried_on(np.where(gap, np.nan, days[:, 0]), 7), 1)
    for column in days.T[1:]:
        column[:] = _carried_on(column, 1, WEATHER_LASTS_DAYS)
    table = pd.DataFrame(days, index=every_day, columns=COLUMNS)
    filled = tuple(stamp.date() for stamp in every_day[gap])
    return Known(table, NOTHING_AHEAD, region, filled)


def _carried_on(values: Floats, step: int, at_most: int | None = None) -> Floats:
    """``values`` with each unknown one as the last known one a number of ``step`` days before, if there is one.

    Where ``at_most`` is given, for so many days.
    """
    today = np.arange(len(values))
    known = np.where(np.isnan(values), -1, today)
    for k in range(step):
        known[k::step] = np.maximum.accumulate(known[k::step])
    lasts = (known >= 0) & (today - known <= (at_most or len(values)))
    return np.where(lasts, values[known], np.nan)


def _cells(rows: Sequence[Weather], columns: list[str]) -> tuple[NDArray[np.datetime64], Floats]:
    """Their dates, and their values [n, columns]; NaN for what is not given."""
    dates = np.array([row.date.toordinal() for row in rows]) - DAY_ZERO  # numpy itself takes 2 ms for 800
    cells = [[getattr(row, column) for row in rows] for column in columns]
    return dates.astype("datetime64[D]"), np.array(cells, dtype=float).T
