"""The forecasts that were kept for a caller: listed, as a workbook, and each with all that it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select

from bentos.load.schema import Answer
from gateway import store, workbooks
from gateway.auth import at_least
from gateway.errors import Problem, documented
from gateway.forecasts import HighDay, highest
from gateway.owner import Owner
from gateway.readings import MOST_PER_PAGE, Days, Pages, PagesOrAll
from gateway.store import Database
from gateway.tables import Forecast
from gateway.workbooks import MEDIA_TYPE, Sheets

router = APIRouter(tags=["forecasts"], responses=documented(422, 500, 503))

PATH = "/api/v1/forecasts"
MOST_EXPORTED = 1000  # of a month each
# Not called load: whoever imported the workbook again would take forecasts for measurements.
COLUMNS = (
    "date",
    "forecast",
    "p10",
    "p90",
    "p_top10",
    "rank",
    "unit",
    "model_type",
    "model",
    "asked",
    "forecast_id",
    "series",
)
_WORKBOOK: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}}}


class KeptForecast(BaseModel):
    """A forecast: which month, asked when, by which task if by one, made by which model of which history."""

    id: UUID
    taskId: UUID | None  # noqa: N815 - the document's name
    created_at: datetime
    year: int
    month: int
    series: str
    modelType: str  # noqa: N815 - the document's name
    model_name: str
    model_version: str
    history_hash: str | None
    origin: date
    unit: str
    weather: str
    stored_csv: str | None
    result: list[HighDay]


class WholeForecast(KeptForecast):
    """The same with every day."""

    answer: Answer


class ForecastPage(BaseModel):
    """Some of the forecasts, the newest first, and how many there are."""

    items: list[KeptForecast]
    page: int
    per_page: int
    total: int


class Range(Days):
    """Months that have a day in the range; of all series, where none is named."""

    series: str | None = None


class Paged(Pages, Range):
    """A page of them."""


class PagedOrNot(PagesOrAll, Range):
    """A page of them, or all."""


class Asked(Range):
    """Forecasts of such months, and how many at once."""

    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    after: UUID | None = Field(None, description="The last forecast of the page before.")


class Forecasts(BaseModel):
    """Some of the forecasts, the newest first; the Link header leads to the next of them."""

    items: list[KeptForecast]


@router.get("/api/data/forecast/fetch", dependencies=[at_least("viewer")])
def fetch(asked: Annotated[Paged, Query()], owner: Owner, database: Database) -> ForecastPage:
    """Your forecasts of months that have a day in the range, both ends included."""
    wanted = _within(owner, asked)
    part = _newest(wanted).limit(asked.per_page).offset((asked.page - 1) * asked.per_page)
    with store.transaction(database) as session:
        items = [_shown(row) for row in session.scalars(part)]
        total = session.scalar(select(func.count()).select_from(Forecast).where(wanted)) or 0
    return ForecastPage(items=items, page=asked.page, per_page=asked.per_page, total=total)


@router.get(
    "/api/data/forecast/export", dependencies=[at_least("viewer")], response_class=Response, responses=_WORKBOOK
)
@router.get(PATH + "/export", dependencies=[at_least("viewer")], response_class=Response, responses=_WORKBOOK)
async def export(asked: Annotated[PagedOrNot, Query()], owner: Owner, database: Database, desk: Sheets) -> Response:
    """The same as an .xlsx with a row for each day, all or the page that is asked for."""

    def make() -> bytes:
        rows = [row for kept in _exported(database, owner, asked) for row in _rows(kept)]
        return workbooks.written([list(COLUMNS), *rows], "forecasts")

    headers = {"Content-Disposition": 'attachment; filename="forecasts.xlsx"'}
    return Response(await desk.do(make), headers=headers, media_type=MEDIA_TYPE)


@router.get(PATH, dependencies=[at_least("viewer")], responses=documented(404))
def listed(asked: Annotated[Asked, Query()], owner: Owner, database: Database, response: Response) -> Forecasts:
    """Your forecasts of months that have a day in the range, the newest first."""
    wanted = _newest(_within(owner, asked)).limit(asked.limit + 1)
    with store.transaction(database) as session:
        if asked.after:
            last = session.execute(_one(owner, asked.after).with_only_columns(Forecast.created_at)).scalar()
            if last is None:
                raise _unknown()
            same = and_(Forecast.created_at == last, Forecast.id < asked.after)
            wanted = wanted.where(or_(Forecast.created_at < last, same))
        found = session.scalars(wanted).all()
    if len(found) > asked.limit:
        more = asked.model_copy(update={"after": found[asked.limit - 1].id})
        query = urlencode(more.model_dump(mode="json", exclude_none=True))
        response.headers["Link"] = f'<{PATH}?{query}>; rel="next"'
    return Forecasts(items=[_shown(row) for row in found[: asked.limit]])


@router.get(PATH + "/{number:uuid}", dependencies=[at_least("viewer")], responses=documented(404))
def one(number: UUID, owner: Owner, database: Database) -> WholeForecast:
    """One of your forecasts, whole."""
    with store.transaction(database) as session:
        found = session.scalar(_one(owner, number))
    if found is None:
        raise _unknown()
    return WholeForecast(**dict(_shown(found)), answer=Answer.model_validate(found.answer))


def _one(owner: str, number: UUID) -> Select[Forecast]:
    return select(Forecast).where(Forecast.owner == owner, Forecast.id == number)


def _unknown() -> Problem:
    return Problem(404, "forecast-unknown", f"There is no such forecast. Use an id that {PATH} lists.")


def _within(owner: str, asked: Range) -> ColumnElement[bool]:
    """Counted in months, since a forecast is of a whole one."""
    month = 12 * Forecast.year + Forecast.month
    conditions = [Forecast.owner == owner]
    conditions += [Forecast.series == asked.series] if asked.series else []
    conditions += [month >= 12 * asked.start_date.year + asked.start_date.month] if asked.start_date else []
    conditions += [month <= 12 * asked.end_date.year + asked.end_date.month] if asked.end_date else []
    return and_(*conditions)


def _newest(wanted: ColumnElement[bool]) -> Select[Forecast]:
    return select(Forecast).where(wanted).order_by(Forecast.created_at.desc(), Forecast.id.desc())


def _exported(database: Engine, owner: str, asked: PagedOrNot) -> Sequence[Forecast]:
    size = asked.per_page or (50 if asked.page else MOST_EXPORTED + 1)
    part = _newest(_within(owner, asked)).limit(size).offset(((asked.page or 1) - 1) * size)
    with store.transaction(database) as session:
        found = session.scalars(part).all()
    if len(found) > MOST_EXPORTED:
        detail = f"These are more than {MOST_EXPORTED} forecasts. Give start_date and end_date, or page and per_page."
        raise Problem(422, "too-many-forecasts", detail)
    return found


def _shown(row: Forecast) -> KeptForecast:
    named = {name: getattr(row, name) for name in KeptForecast.model_fields.keys() & Forecast.__table__.columns.keys()}
    answer = Answer.model_validate(row.answer)
    return KeptForecast(**named, taskId=row.task_id, modelType=row.model_type, unit=answer.unit, result=highest(answer))


def _rows(kept: Forecast) -> Iterable[list[Any]]:
    """As ``COLUMNS`` names them, a row for each day."""
    answer = Answer.model_validate(kept.answer)
    ranks = {peak.date: peak.rank for peak in answer.top10}
    asked, model = kept.created_at.isoformat(timespec="seconds"), f"{kept.model_name} {kept.model_version}"
    for day in answer.days:
        expected = [day.date.isoformat(), day.mean, day.p10, day.p90, day.p_top10, ranks.get(day.date)]
        yield [*expected, answer.unit, kept.model_type, model, asked, str(kept.id), kept.series]
