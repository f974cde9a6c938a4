"""Readings over HTTP: brought in several forms, shown and judged; and what was refused, shown and replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway import store
from gateway.auth import at_least
from gateway.bodies import JsonRoute
from gateway.equipment import units
from gateway.errors import MAX_FAULTS, Fault, Problem, documented
from gateway.once import ONCE, OnceRoute
from gateway.settings import Knobs
from gateway.store import Database
from gateway.telemetry import arrivals, bodies, letters, quality, readings, replays
from gateway.telemetry.bodies import Bounds, Context
from gateway.telemetry.letters import Wanted
from gateway.telemetry.quality import UnitQuality
from gateway.telemetry.records import Receipt

PATH, UNIT = "/api/v1/telemetry", "/api/v1/units/{unit_id}"
LETTERS = f"{PATH}/dead-letters"
LONGEST_RANGE = timedelta(days=62)

brought = APIRouter(route_class=OnceRoute)
looked = APIRouter(route_class=JsonRoute)


class Said(BaseModel):
    """What a request says once for all its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit_id: str | None = Field(None, max_length=128, description="Of a CSV whose columns are points of one unit.")
    timezone: str | None = Field(None, max_length=64, description="IANA's name, for times without an offset.")

    def context(self) -> Context:
        """422 where there is no such zone."""
        try:
            return Context(self.unit_id, ZoneInfo(self.timezone) if self.timezone else None)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            detail = "There is no such time zone. Write one as IANA names it, such as Asia/Shanghai."
            raise Problem(422, "timezone-unknown", detail) from None


class Taken(BaseModel):
    """What became of the readings; ``errors`` are the first fifty that were refused, each with its line."""

    accepted: int
    duplicates: int
    quarantined: int = Field(description="Of the accepted: stored and shown, but not given to a model.")
    late: int = Field(description="Of the accepted: older than what was stored before.")
    refused: int
    errors: list[Fault] = []


class Range(BaseModel):
    """From ``since`` to before ``until``; the last day where nothing is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Both ends in UTC. 422 where they are the wrong way round or too far apart."""
        try:
            until = (self.until or now).astimezone(UTC)
            since = (self.since or until - timedelta(days=1)).astimezone(UTC)
        except OverflowError:
            raise Problem(422, "range-unknown", "Such times are not stored. Use later ones.") from None
        if not timedelta(0) < until - since <= LONGEST_RANGE:
            detail = f"since must lie before until, by {LONGEST_RANGE.days} days at most. Ask for a shorter time."
            raise Problem(422, "range-unknown", detail)
        return since, until


class Page(Range):
    """A page of them."""

    point: list[str] = Field([], max_length=32, description="Only of these points.")
    limit: int = Field(1000, ge=1, le=10_000)
    after: str | None = Field(None, max_length=128, description="From the Link header of the page before.")

    def last(self) -> tuple[datetime, str] | None:
        """The last reading of the page before."""
        if self.after is None:
            return None
        at, _, point = self.after.partition("/")
        try:
            return datetime.fromisoformat(at).astimezone(UTC), point
        except (ValueError, OverflowError):
            raise Problem(422, "page-unknown", "after is no place in the list. Use the Link header as it is.") from None


class Item(BaseModel):
    """A reading as it is stored; one whose ``quality`` is range, rate, spike or missing is given to no model."""

    at: datetime
    point: str
    value: float | None
    unit: str
    quality: str


class Readings(BaseModel):
    """Readings in their order; the Link header leads to the next of them."""

    unit_id: str
    items: list[Item]


class Letter(BaseModel):
    """What was refused, as it came, and why."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    arrived_at: datetime
    door: str
    place: str | None
    unit_id: str | None
    point: str | None
    reason: str
    message: str
    remedy: str
    given: dict[str, Any]
    attempts: int
    taken_at: datetime | None


class Letters(BaseModel):
    """Some letters, the newest first; the Link header leads to the next of them."""

    items: list[Letter]


class LettersAsked(BaseModel):
    """Which letters, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str | None = Field(None, max_length=32)
    unit_id: str | None = Field(None, max_length=128)
    state: Literal["waiting", "taken"] = "waiting"
    limit: int = Field(50, ge=1, le=500)
    after: UUID | None = None


class Replay(BaseModel):
    """Which letters are to be taken again; all that wait where nothing is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: Annotated[list[UUID], Field(max_length=500)] = []
    reason: str | None = Field(None, max_length=32)
    unit_id: str | None = Field(None, max_length=128)


_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {kind: {"schema": {}} for kind in bodies.FORMS}}}
_SOME: dict[int | str, dict[str, Any]] = {
    207: {"model": Taken, "description": "Some were refused; errors has the first of them."}
}
_WRONG = documented(400, 413, 415, 422, 500, 503)


@brought.post(
    PATH,
    dependencies=[at_least("operator"), ONCE],
    response_model=Taken,
    responses={**_SOME, **_WRONG},
    openapi_extra=_BODY,
)
async def bring(request: Request, said: Annotated[Said, Query()], settings: Knobs, database: Database) -> Response:
    """Readings as JSON, lines of JSON, CloudEvents or CSV, perhaps packed with gzip. What is right in it is stored."""
    body, context, headers = await request.body(), said.context(), request.headers
    bounds = Bounds(settings.telemetry_unpacked_bytes, settings.telemetry_rows)

    def take() -> Receipt:
        whole = bodies.unpacked(body, headers.get("content-encoding", ""), bounds.unpacked_bytes)
        records = bodies.read(whole, headers.get("content-type", ""), bounds, context)
        return arrivals.take(database, records, datetime.now(UTC), arrivals.terms(settings))

    return _answer(await asyncio.to_thread(take))


@looked.get(UNIT + "/readings", dependencies=[at_least("viewer")], responses=documented(404))
def shown(unit_id: str, asked: Annotated[Page, Query()], database: Database, response: Response) -> Readings:
    """A unit's stored readings, oldest first, in the units of measure in which they are stored."""
    since, until = asked.bounds(datetime.now(UTC))
    with store.transaction(database) as session:
        units.known(session, unit_id)
        found = readings.page(session, unit_id, since, until, (asked.point, asked.last(), asked.limit + 1))
    if len(found) > asked.limit:
        last = found[asked.limit - 1]
        query = asked.model_dump(mode="json", exclude_none=True, exclude={"after"})
        query |= {
            "since": since.isoformat(),
            "until": until.isoformat(),
            "after": f"{last.at.isoformat()}/{last.point}",
        }
        response.headers["Link"] = f'<{_of(unit_id)}/readings?{urlencode(query, doseq=True)}>; rel="next"'
    items = [Item(unit=readings.uom(row.point), **row._mapping) for row in found[: asked.limit]]
    return Readings(unit_id=unit_id, items=items)


@looked.get(UNIT + "/quality", dependencies=[at_least("viewer")], responses=documented(404))
def judged(unit_id: str, asked: Annotated[Range, Query()], database: Database) -> UnitQuality:
    """How far a unit's readings can be trusted, and what to do about the rest."""
    now = datetime.now(UTC)
    since, until = asked.bounds(now)
    with store.transaction(database) as session:
        units.known(session, unit_id)
        return quality.judge(session, unit_id, since, until, now)


@looked.get(LETTERS, dependencies=[at_least("engineer")], responses=documented(404))
def refused(asked: Annotated[LettersAsked, Query()], database: Database, response: Response) -> Letters:
    """What could not be taken, from whatever door it came."""
    wanted = Wanted((), asked.reason, asked.unit_id, asked.state == "taken")
    with store.transaction(database) as session:
        found = letters.listed(session, wanted, asked.after, asked.limit + 1)
    if len(found) > asked.limit:
        more = asked.model_copy(update={"after": found[asked.limit - 1].id})
        response.headers["Link"] = (
            f'<{LETTERS}?{urlencode(more.model_dump(mode="json", exclude_none=True))}>; rel="next"'
        )
    return Letters(items=[Letter.model_validate(letter) for letter in found[: asked.limit]])


@looked.post(LETTERS + "/replay", dependencies=[at_least("engineer")], responses=documented(400, 413, 415))
def replay(asked: Replay, settings: Knobs, database: Database) -> Taken:
    """Take them again, up to a thousand at once, however late they are now. What is refused again stays."""
    wanted = Wanted(tuple(asked.ids), asked.reason, asked.unit_id)
    return _taken(replays.replay(database, wanted, datetime.now(UTC), arrivals.terms(settings)))


router = APIRouter(tags=["telemetry"], responses=documented(422, 500, 503))
router.include_router(brought)
router.include_router(looked)


def _answer(receipt: Receipt) -> Response:
    """200 where all was taken or had been before, 207 where some was. 422 where nothing was."""
    if receipt.refused and not receipt.accepted and not receipt.duplicates:
        first, faults = receipt.refused[0], _faults(receipt)
        more = f" {len(receipt.refused) - 1} more like it, see errors." if len(receipt.refused) > 1 else ""
        detail = (
            f"Nothing was stored. Line {first.line}: {first.message} {first.remedy}{more} Correct them and send again."
        )
        raise Problem(422, "telemetry-refused", detail, faults)
    status = 207 if receipt.refused else 200
    return Response(_taken(receipt).model_dump_json(exclude_none=True), status, media_type="application/json")


def _taken(receipt: Receipt) -> Taken:
    counts = {name: getattr(receipt, name) for name in ("accepted", "duplicates", "quarantined", "late")}
    return Taken(**counts, refused=len(receipt.refused), errors=_faults(receipt))


def _faults(receipt: Receipt) -> Sequence[Fault]:
    return [
        Fault(row=one.line, code=one.reason, message=one.message, remedy=one.remedy)
        for one in receipt.refused[:MAX_FAULTS]
    ]


def _of(unit_id: str) -> str:
    return f"/api/v1/units/{quote(unit_id, safe='')}"
