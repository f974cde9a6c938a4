"""A daily series as it was known at a moment: asking for a later day raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from bentos.load.calendar import Region, holidays_of
from bentos.load.schema import Question, Reading, Weather

WEATHER = ["temperature", "humidity", "rainfall"]
WEATHER_LASTS_DAYS = 3  # a gap in the weather that hides no season


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
    table = _table(question.series, ["load", *WEATHER]).sort_index().loc[: pd.Timestamp(question.origin)]
    ahead = _table(question.weather_ahead, WEATHER)
    region = Region(question.country, question.subdivision)
    holidays_of(region, table.index[0].year, table.index[-1].year)  # refused here, also where no model needs them
    known = known_from_table(table, region)
    return known.with_weather_ahead(ahead)


def known_from_table(table: pd.DataFrame, region: Region) -> Known:
    """A table of days in any order, at most one row a day; missing and zero days are filled and named.

    A gap takes the last known value of the same weekday, weather the day before's for a few days: nothing may look
    at what came after it.
    """
    measured = table.sort_index()
    measured = measured.loc[measured.index[measured["load"] > 0][0] :]  # nothing lies before to fill a start from
    every_day = pd.date_range(measured.index[0], measured.index[-1], freq="D")
    days = measured.reindex(every_day).reindex(columns=["load", *WEATHER]).astype(float)
    days.loc[~(days["load"] > 0), "load"] = np.nan
    gaps = days.index[days["load"].isna()]
    by_weekday = days["load"].groupby(every_day.day_of_week)
    days["load"] = by_weekday.ffill().ffill()
    days[WEATHER] = days[WEATHER].ffill(limit=WEATHER_LASTS_DAYS)
    return Known(days, days.iloc[:0][WEATHER], region, tuple(stamp.date() for stamp in gaps))


def _table(rows: Sequence[Reading] | Sequence[Weather], columns: list[str]) -> pd.DataFrame:
    index = pd.DatetimeIndex([row.date for row in rows])
    cells = [[getattr(row, column) for column in columns] for row in rows]
    return pd.DataFrame(cells, index=index, columns=columns, dtype=float)
