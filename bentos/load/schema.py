"""What may be asked of the load model and what it answers; every refusal that needs no model is made here."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, LiteralString, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

ModelType = Literal["Ensemble", "RandomForestRegressor", "GradientBoostingRegressor", "Ridge"]
WeatherMode = Literal["climatology", "forecast", "actual"]

MIN_DAYS = 14  # fewer and not even a weekday profile can be told
MODEL_DAYS = 60  # fewer and only a baseline answers
ANNUAL_DAYS = 400  # fewer and last year is unknown
MAX_ROWS = 10_000  # 27 years of days
MAX_LEAD_DAYS = 62  # the whole of the next month, asked at any day of this one
MAX_GAP_SHARE = 0.10
MAX_LOAD = 1e12
FIRST_YEAR, LAST_YEAR = 1900, 2200
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def refusal(code: LiteralString, message: LiteralString, **context: object) -> PydanticCustomError:
    """A validation error whose text says what to do; ``code`` is stable for machines."""
    return PydanticCustomError(code, message, context)


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise refusal(
            "timezone_unknown", "'{name}' is no IANA time zone; write one such as Europe/Berlin.", name=name[:64]
        ) from None
    return name


def _written_as_day(value: object) -> object:
    """Only 2014-05-01: pydantic would also take seconds since 1970."""
    if isinstance(value, str) and DAY.fullmatch(value):
        return value
    if isinstance(value, str | int | float):
        raise refusal("day_form", "Write a day as text in the form 2014-05-01.")
    return value


LocalDay = Annotated[
    date, BeforeValidator(_written_as_day), Field(ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31))
]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Temperature = Annotated[Number, Field(ge=-90, le=70)]
Humidity = Annotated[Number, Field(ge=0, le=100)]
Rainfall = Annotated[Number, Field(ge=0, le=3000)]
Timezone = Annotated[str, AfterValidator(_known_timezone)]
Unit = Annotated[str, Field(min_length=1, max_length=16)]
Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR, strict=True)]
Month = Annotated[int, Field(ge=1, le=12, strict=True)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Subdivision = Annotated[str, Field(max_length=16, pattern=r"^\w[\w .,'()-]*$")]


class Strict(BaseModel):
    """Unknown fields are refused: a misspelt option must not be ignored in silence."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Weather(Strict):
    """One local day of weather: °C, % relative humidity, mm of rain."""

    date: LocalDay
    temperature: Temperature | None = None
    humidity: Humidity | None = None
    rainfall: Rainfall | None = None


class Reading(Weather):
    """One local calendar day: its load in the question's unit, and its weather where it is known."""

    load: Annotated[Number, Field(ge=0, le=MAX_LOAD)]


def _refuse_twice(rows: Sequence[Weather]) -> None:
    twice = [day.isoformat() for day, n in Counter(row.date for row in rows).items() if n > 1]
    if twice:
        days = ", ".join(twice[:10])
        raise refusal("days_twice", "These days stand more than once: {days}. Keep one row a day.", days=days)


def days_of(year: int | None, month: int | None, origin: date) -> list[date]:
    """Every local day of a month; where none is named, of the calendar month after ``origin``. Refuses half a name."""
    if (year is None) != (month is None):
        raise refusal("month_incomplete", "Give both year and month, or neither for the month after the last row.")
    first = origin.replace(day=1) if year is None or month is None else date(year, month, 1)
    if year is None:
        first = (first + timedelta(days=32)).replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return [first + timedelta(days=i) for i in range((following - first).days)]


def check_history(complete: int, measured: int, first: date, origin: date) -> None:
    """Refuses too few ``complete`` days from the first to the origin, or too few that are ``measured``: above zero."""
    if complete < MIN_DAYS:
        raise refusal(
            "history_too_short",
            "{given} complete days are given; send at least {needed}.",
            given=complete,
            needed=MIN_DAYS,
        )
    span = (origin - first).days + 1
    missing = span - measured
    if missing > MAX_GAP_SHARE * span:
        raise refusal(
            "too_many_gaps",
            "{missing} of {span} days between the first and the last row are missing or zero; "
            "at most {share} % can be filled. Add the missing days or send a shorter, complete history.",
            missing=missing,
            span=span,
            share=math.floor(100 * MAX_GAP_SHARE),
        )


def check_month(days: Sequence[date], begins: date, origin: date) -> None:
    """Refuses a month that a history, measured from ``begins`` and complete until the origin, does not reach."""
    first, last = days[0], days[-1]
    if first < begins <= last:
        raise refusal(
            "month_begins_before",
            "The month begins on {first} and the measured history on {begins}: the days between are unknown. "
            "Add them or ask for the month after.",
            first=first.isoformat(),
            begins=begins.isoformat(),
        )
    if last <= origin:
        raise refusal(
            "month_known",
            "The month ends on {last} and the history on {origin}: nothing is left to forecast. Ask for a later month.",
            last=last.isoformat(),
            origin=origin.isoformat(),
        )
    if (last - origin).days > MAX_LEAD_DAYS:
        raise refusal(
            "month_too_far",
            "The month ends on {last}, more than {reach} days after the last complete day ({origin}). "
            "Add newer rows or ask for an earlier month.",
            last=last.isoformat(),
            origin=origin.isoformat(),
            reach=MAX_LEAD_DAYS,
        )


def check_region(country: str | None, subdivision: str | None) -> None:
    """Refuses a part of no country."""
    if subdivision and not country:
        raise refusal("country_missing", "A subdivision needs its country; add one such as 'AU'.")


class Question(Strict):
    """A daily history and the month to forecast; without year and month the calendar month after the origin."""

    series: Annotated[list[Reading], Field(min_length=1, max_length=MAX_ROWS)]
    unit: Unit = "MW"
    year: Year | None = None
    month: Month | None = None
    model_type: ModelType = "Ensemble"
    weather: WeatherMode = "climatology"
    weather_ahead: Annotated[list[Weather], Field(max_length=MAX_LEAD_DAYS)] = []
    timezone: Timezone = "UTC"
    country: Country | None = None
    subdivision: Subdivision | None = None

    _origin: date = PrivateAttr()

    @property
    def origin(self) -> date:
        """The last complete day of ``series``: today, in its time zone, has not ended."""
        return self._origin

    @property
    def days(self) -> list[date]:
        """Every local day of the month asked for."""
        return days_of(self.year, self.month, self.origin)

    @model_validator(mode="after")
    def _in_order_and_enough(self) -> Self:
        self.series.sort(key=lambda reading: reading.date)
        self.weather_ahead.sort(key=lambda weather: weather.date)
        today = datetime.now(ZoneInfo(self.timezone)).date()
        origin = self.series[-2 if self.series[-1].date == today and len(self.series) > 1 else -1].date
        self._origin = origin
        _refuse_twice(self.series)
        _refuse_twice(self.weather_ahead)
        complete = [reading.load for reading in self.series if reading.date <= origin]
        check_history(len(complete), sum(load > 0 for load in complete), self.series[0].date, origin)
        return self

    @model_validator(mode="after")
    def _month_within_reach(self) -> Self:
        check_month(self.days, next(reading.date for reading in self.series if reading.load > 0), self.origin)
        return self

    @model_validator(mode="after")
    def _weather_as_the_mode_needs(self) -> Self:
        ahead = {row.date for row in self.weather_ahead if row.temperature is not None}
        origin, last = self.origin, self.days[-1]
        until_the_end = [origin + timedelta(days=i + 1) for i in range((last - origin).days)]
        missing = [day.isoformat() for day in until_the_end if day not in ahead]
        if self.weather != "climatology" and missing:
            raise refusal(
                "weather_missing",
                "Mode '{mode}' needs a temperature in weather_ahead for each day from the last row to the month's end; "
                "missing: {days}.",
                mode=self.weather,
                days=", ".join(missing[:10]),
            )
        if self.weather == "climatology" and self.weather_ahead:
            raise refusal(
                "weather_unused",
                "weather_ahead is given but the mode is climatology; set weather to 'forecast'.",
            )
        check_region(self.country, self.subdivision)
        return self


class Day(Strict):
    """A local day of the answer: mean and quantiles in the question's unit, chance of being among the ten highest."""

    date: date
    mean: float
    p5: float
    p10: float
    p50: float
    p90: float
    p95: float
    p_top10: float


class Peak(Strict):
    """One of the ten days of highest expected load; p10 to p90 holds the load in four cases of five."""

    rank: int
    date: date
    value: float
    unit: str
    p10: float
    p90: float
    probability: float


class Model(Strict):
    """Which model answered; ``cold_start`` says that it was not fitted on this series."""

    name: str
    version: str
    model_type: ModelType | Literal["Baseline"]
    cold_start: bool


class Answer(Strict):
    """The month, day by day, and its ten peak days."""

    origin: date
    unit: str
    days: list[Day]
    top10: list[Peak]
    model: Model
    weather: WeatherMode
    warnings: list[str]
