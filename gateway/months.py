"""Which month of an owner's stored days is asked for, and up to which day the history may be known for it.

A month that has passed is forecast as it would have been: from the days before it alone. What cannot be forecast is
refused here, at the price of one look at the rows' ends, in the words of a question's own rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Select, bindparam, case, func, select
from sqlalchemy.orm import Session

from bentos.load.schema import (
    MAX_ROWS,
    Country,
    ModelType,
    Month,
    Strict,
    Subdivision,
    Timezone,
    Unit,
    Year,
    check_history,
    check_month,
    check_region,
    days_of,
)
from gateway.errors import Problem, refused
from gateway.measurements import TABLE
from gateway.series import POWER

NOTHING = "You have no days stored. Send a workbook to /api/data/import, or POST /api/data/sample for days to try with."


def _ends() -> Select[int, int, Any, Any, Any]:
    """Of no more rows than a question may have, the newest. Written once: every order of a month begins with it."""
    day, load, (owner, series) = TABLE.c.date, TABLE.c.load, (TABLE.c.owner, TABLE.c.series)
    known = (owner == bindparam("owner"), series == bindparam("series"), day <= bindparam("last"))
    rows = select(day, load).where(*known).order_by(day.desc()).limit(MAX_ROWS).subquery()
    measured = case((rows.c.load > 0, rows.c.date))
    return select(func.count(), func.count(measured), func.min(rows.c.date), func.max(rows.c.date), func.min(measured))


_ENDS = _ends()


class Asked(Strict):
    """A month to forecast from the caller's stored days; without year and month the one after the last day."""

    year: Year | None = None
    month: Month | None = None
    model_type: ModelType = Field("Ensemble", validation_alias=AliasChoices("model_type", "modelType"))
    series: Annotated[str, Field(max_length=32)] = POWER.name
    unit: Unit | None = None  # the series', where nothing is said
    timezone: Timezone = "UTC"
    country: Country | None = None
    subdivision: Subdivision | None = None

    @model_validator(mode="after")
    def _region(self) -> Self:
        check_region(self.country, self.subdivision)
        return self


@dataclass(frozen=True, slots=True)
class Span:
    """The complete days of an owner's series until some day: how many, how many above zero, and from when to when."""

    days: int
    measured: int
    first: date
    last: date
    begins: date  # the first day above zero


@dataclass(frozen=True, slots=True)
class Reach:
    """The days of the month asked for, and what may be known for it; ``passed`` where later days are stored."""

    month: list[date]
    known: Span
    passed: bool


def reach(session: Session, owner: str, asked: Asked) -> Reach:
    """What a forecast of the month would be made of now. Raises ``Problem`` 422 where there can be none."""
    today = datetime.now(ZoneInfo(asked.timezone)).date()
    with _refusals():
        known = _span(session, owner, asked.series, None)
        if known and known.last == today:  # which has not ended
            known = _span(session, owner, asked.series, today - timedelta(days=1))
        if known is None:
            raise Problem(422, "no-history", NOTHING)
        month = days_of(asked.year, asked.month, known.last)
        passed = month[-1] <= known.last
        if passed:
            known = _span(session, owner, asked.series, month[0] - timedelta(days=1))
        if known is None:
            detail = f"No day from before {month[0]} is stored. Import earlier days or ask for a later month."
            raise Problem(422, "history-too-short", detail)
        check_history(known.days, known.measured, known.first, known.last)
        check_month(month, known.begins, known.last)
    return Reach(month, known, passed)


def _span(session: Session, owner: str, series: str, last: date | None) -> Span | None:
    asked = {"owner": owner, "series": series, "last": last or date.max}
    days, above, first, last_there, begins = session.execute(_ENDS, asked).one()
    return Span(days, above, first, last_there, begins or last_there) if days else None


@contextmanager
def _refusals() -> Iterator[None]:
    """The schema's refusals as problems."""
    try:
        yield
    except PydanticCustomError as wrong:
        raise refused([{"loc": (), "msg": wrong.message(), "type": wrong.type}]) from None
