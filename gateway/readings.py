"""Look at the measurements of a series: listed, as a workbook, judged; and delete them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, Result

from bentos.load.schema import LocalDay, refusal
from gateway import measurements, snapshots, store, workbooks
from gateway.auth import at_least
from gateway.errors import Problem, documented
from gateway.owner import Owner
from gateway.quality import Finding, History, look
from gateway.series import POWER, Series, find
from gateway.settings import Knobs, Settings
from gateway.store import Database
from gateway.workbooks import MEDIA_TYPE, Sheets

router = APIRouter(tags=["measurements"], responses=documented(400, 422, 500, 503))

MOST_PER_PAGE = 500
_WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}}}


class Days(BaseModel):
    """From the first to the last, both included; where one is not given, there is no end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_date: LocalDay | None = None
    end_date: LocalDay | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise refusal("range_backwards", "end_date lies before start_date; write them the other way round.")
        return self


class Range(Days):
    """A series' days."""

    series: str = Field(POWER.name, description="A name that GET /api/v1/series lists.")


class Pages(BaseModel):
    """Which page of a list."""

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(50, ge=1, le=MOST_PER_PAGE)


class PagesOrAll(BaseModel):
    """Which page of a list, or all of it."""

    page: int | None = Field(None, ge=1, le=1_000_000)
    per_page: int | None = Field(None, ge=1, le=MOST_PER_PAGE)


class Paged(Pages, Range):
    """A page of such days."""


class PagedOrNot(PagesOrAll, Range):
    """A page of such days, or all."""


class Confirmed(Range):
    """What is to be deleted; both ends and the word."""

    start_date: LocalDay
    end_date: LocalDay
    confirm: bool = Field(False, description="true, or nothing is deleted.")


class Item(BaseModel):
    """A local calendar day: °C, % relative humidity, mm of rain, and the load in the unit that it was given in."""

    date: date
    temperature: float | None
    humidity: float | None
    rainfall: float | None
    load: float


class OtherItem(BaseModel):
    """A local calendar day of another series: under the name of each of its columns a value, or none."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float | None]

    date: date


class Page(BaseModel):
    """Some of the days, in their order, and how many there are."""

    items: list[Item] | list[OtherItem]
    page: int
    per_page: int
    total: int


class Deleted(BaseModel):
    """How many days are gone."""

    deleted: int


class Quality(BaseModel):
    """How many days there are, from when to when, and what is remarkable about them."""

    days: int
    first: date | None
    last: date | None
    findings: list[Finding]


@router.get("/api/data/fetchData", dependencies=[at_least("viewer")])
@router.get("/api/v1/readings", dependencies=[at_least("viewer")])
def fetch(asked: Annotated[Paged, Query()], owner: Owner, settings: Knobs, database: Database) -> Page:
    """A page of the days in a range, oldest first."""
    series, wanted = _wanted(asked, owner, settings)
    part = measurements.days(wanted, series.slots).limit(asked.per_page).offset((asked.page - 1) * asked.per_page)
    with store.transaction(database) as session:
        items = _items(series, session.execute(part))
        total = measurements.count(session, wanted)
    return Page(items=items, page=asked.page, per_page=asked.per_page, total=total)


@router.get("/api/data/export", dependencies=[at_least("viewer")], response_class=Response, responses=_WORKBOOK)
@router.get("/api/v1/readings/export", dependencies=[at_least("viewer")], response_class=Response, responses=_WORKBOOK)
async def export(
    asked: Annotated[PagedOrNot, Query()], owner: Owner, settings: Knobs, database: Database, desk: Sheets
) -> Response:
    """The days in a range as an .xlsx, all or the page that is asked for; it can be imported again."""
    series, wanted = _wanted(asked, owner, settings)
    part = measurements.days(wanted, series.slots)
    if asked.page or asked.per_page:
        size = asked.per_page or 50
        part = part.limit(size).offset(((asked.page or 1) - 1) * size)

    def make() -> bytes:
        with store.transaction(database) as session:
            rows: list[list[Any]] = [[day.isoformat(), *values] for day, *values in session.execute(part)]
        return workbooks.written([list(series.names), *rows])

    headers = {"Content-Disposition": f'attachment; filename="{series.name}_data.xlsx"'}
    return Response(await desk.do(make), headers=headers, media_type=MEDIA_TYPE)


@router.get("/api/data/quality", dependencies=[at_least("viewer")])
@router.get("/api/v1/readings/quality", dependencies=[at_least("viewer")])
def quality(asked: Annotated[Range, Query()], owner: Owner, settings: Knobs, database: Database) -> Quality:
    """What is remarkable about the days in a range, with what to do about it."""
    series, wanted = _wanted(asked, owner, settings)
    with store.transaction(database) as session:
        rows = session.execute(measurements.days(wanted, series.slots)).all()
        dropped = measurements.dropped(session, owner, series.name)
    days, *values = zip(*rows, strict=True) if rows else [()] * len(series.names)
    history = History(series, days, dict(zip(series.slots, values, strict=True)))
    first, last = (days[0], days[-1]) if days else (None, None)
    return Quality(days=len(days), first=first, last=last, findings=look(history, dropped))


@router.delete("/api/data", dependencies=[at_least("engineer")])
@router.delete("/api/v1/readings", dependencies=[at_least("engineer")])
def delete(asked: Annotated[Confirmed, Query()], owner: Owner, settings: Knobs, database: Database) -> Deleted:
    """Delete the days in a range, for good, and the files that forecasts of them were made from."""
    series, wanted = _wanted(asked, owner, settings)
    with store.transaction(database) as session:
        if not asked.confirm:
            there = measurements.count(session, wanted)
            detail = f"This would delete {there} days for good. Add confirm=true if you mean it; export them before."
            raise Problem(422, "not-confirmed", detail)
        deleted = measurements.drop(session, wanted)
        snapshots.forget(session, settings.snapshots, (owner, series.name), asked.start_date, asked.end_date)
    return Deleted(deleted=deleted)


def _wanted(asked: Range, owner: str, settings: Settings) -> tuple[Series, ColumnElement[bool]]:
    """The series that is asked about, and which rows of it."""
    series = find(settings.series, asked.series, "/query/series")
    return series, measurements.within(owner, series.name, asked.start_date, asked.end_date)


def _items(series: Series, rows: Result[Any]) -> list[Item] | list[OtherItem]:
    days = [dict(zip(series.names, row, strict=True)) for row in rows]
    if series is POWER:
        return [Item.model_validate(day) for day in days]
    return [OtherItem.model_validate(day) for day in days]
