"""Units by JSON: declared, listed, looked at, taken away; and what each is like when healthy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway import store
from gateway.auth import Caller, at_least
from gateway.bodies import JsonRoute
from gateway.equipment import units
from gateway.equipment.measures import NAMES, allowed
from gateway.equipment.outlook import Outlook, named, outlook
from gateway.equipment.tables import Feed, Unit, UnitPoint
from gateway.equipment.units import Declared
from gateway.errors import Problem, documented
from gateway.store import Database

PATH = "/api/v1/units"
ID = r"^\w[\w.:~@+-]{0,127}$"

router = APIRouter(route_class=JsonRoute, tags=["equipment"], responses=documented(422, 500, 503))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):  # a folder, a way out, none of this name
        raise ValueError("write a time zone as IANA names it, such as Asia/Shanghai or UTC") from None


def _point(name: str) -> str:
    if name not in NAMES:
        near = get_close_matches(name, NAMES, 3, 0.3) or NAMES[:3]
        raise ValueError(f"there is no point of this name; near it are {', '.join(near)}, and /docs lists all")
    return name


Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
PointName = Annotated[str, AfterValidator(_point), Field(json_schema_extra={"enum": NAMES})]
UnitId = Annotated[str, Path(pattern=ID, description="Letters, digits and . : ~ @ + - _; at most 128.")]


class PointOf(BaseModel):
    """Under which id its readings come, if not under the unit's and the point's own, and in which unit of measure."""

    model_config = ConfigDict(extra="forbid")

    series_id: Text | None = None
    unit: str = Field(description="As UCUM writes it: Cel, [degF], %, Pa, [in_i'H2O], m3/s, kW, 1.")


class NewUnit(BaseModel):
    """A unit: what it is, where, in which zone its clocks go, how often it is predicted, its points, what feeds it."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(None, description="Its id where nothing is said.")
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9_]{0,63}$"), AfterValidator(named)] = Field(
        "AHU", description="A class of Brick."
    )
    place: Text | None = None
    zone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] | None = None
    interval_s: Annotated[int, Field(strict=True, ge=60, le=86_400)] = 900
    points: dict[PointName, PointOf] = {}
    fed_by: Annotated[list[Annotated[str, Field(pattern=ID)]], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _measured_as_we_can_read(self) -> Self:
        for name, point in self.points.items():
            if point.unit not in (codes := allowed(name)):
                raise ValueError(f"points.{name} comes in {' or '.join(codes)}, not in {point.unit[:32]}")
        return self


class ShownUnit(BaseModel):
    """A unit, whether it can be predicted, and how many points it has."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    kind: str
    place: str | None
    zone: str | None
    interval_s: int
    created_at: datetime
    changed_at: datetime
    changed_by_name: str
    reference_at: datetime | None = Field(description="When it was told what the unit is like when healthy.")


class ListedUnit(ShownUnit):
    """The same in a list."""

    point_count: int = 0
    predictable: bool = False


class WholeUnit(ShownUnit):
    """The same with its points, its neighbours, and what can be predicted of it."""

    points: dict[str, PointOf] = {}
    fed_by: list[str] = []
    feeds: list[str] = []
    outlook: Outlook


class Listed(BaseModel):
    """Some units by id; the Link header leads to the next of them."""

    items: list[ListedUnit]


class Asked(BaseModel):
    """How many at once, of which kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(100, ge=1, le=500)
    after: str | None = Field(None, max_length=128, description="The id of the last unit of the page before.")
    kind: str | None = Field(None, max_length=64)


class Healthy(BaseModel):
    """What a unit is like when healthy, as the inference server's /diagnose/reference answered it."""

    model_config = ConfigDict(extra="forbid")

    unit_id: str | None = None
    reference: dict[str, JsonValue]


class KeptHealthy(BaseModel):
    """What is kept of it, and since when."""

    unit_id: str
    reference: dict[str, Any] | None
    reference_at: datetime | None


@router.get(PATH, dependencies=[at_least("viewer")])
def listed(asked: Annotated[Asked, Query()], database: Database, response: Response) -> Listed:
    """All units, by id."""
    wanted = select(Unit).order_by(Unit.id).limit(asked.limit + 1)
    if asked.after is not None:
        wanted = wanted.where(Unit.id > asked.after)
    if asked.kind is not None:
        wanted = wanted.where(Unit.kind == asked.kind)
    with store.transaction(database) as session:
        found = session.scalars(wanted).all()
        shown = _in_a_list(session, found[: asked.limit])
    if len(found) > asked.limit:
        query = {"limit": asked.limit, "after": shown[-1].id} | ({"kind": asked.kind} if asked.kind else {})
        response.headers["Link"] = f'<{PATH}?{urlencode(query)}>; rel="next"'
    return Listed(items=shown)


@router.get(PATH + "/{unit_id}", dependencies=[at_least("viewer")], responses=documented(404))
def one(unit_id: UnitId, database: Database) -> WholeUnit:
    """A unit with its points, which faults can be predicted, and what each missing point would unlock."""
    with store.transaction(database) as session:
        return whole(session, units.known(session, unit_id))


@router.put(PATH + "/{unit_id}", dependencies=[at_least("engineer")], responses=documented(400, 409, 413, 415))
def declare(unit_id: UnitId, asked: NewUnit, caller: Caller, database: Database) -> WholeUnit:
    """The unit is as the body says from now on; its readings, and what it is like when healthy, stay."""
    points = {name: (point.series_id, point.unit) for name, point in asked.points.items()}
    wanted = Declared(
        unit_id, asked.name or unit_id, asked.kind, asked.place, asked.zone, asked.interval_s, points,
        frozenset(asked.fed_by),
    )  # fmt: skip
    with store.transaction(database, "The unit could not be stored.") as session:
        return whole(session, units.declare(session, wanted, caller, datetime.now(UTC)))


@router.delete(
    PATH + "/{unit_id}", status_code=204, dependencies=[at_least("engineer")], responses=documented(404, 409)
)
def remove(unit_id: UnitId, database: Database) -> None:
    """The unit is watched no more, and readings for it are not taken; those that were stay until they are too old."""
    with store.transaction(database) as session:
        units.remove(session, unit_id)


@router.put(
    PATH + "/{unit_id}/reference", dependencies=[at_least("engineer")], responses=documented(400, 404, 413, 415)
)
def refer(unit_id: UnitId, asked: Healthy, database: Database) -> KeptHealthy:
    """What the unit is like when healthy: kept as it is and sent with each question about the unit."""
    if asked.unit_id not in (None, unit_id):
        detail = f"This is the reference of {asked.unit_id}, not of {unit_id}. Send it to that unit's address."
        raise Problem(422, "reference-of-another", detail[:1000])
    with store.transaction(database, "The reference could not be stored.") as session:
        units.keep_reference(session, unit_id, asked.reference, datetime.now(UTC))
        return _healthy(units.known(session, unit_id))


@router.get(PATH + "/{unit_id}/reference", dependencies=[at_least("viewer")], responses=documented(404))
def reference(unit_id: UnitId, database: Database) -> KeptHealthy:
    """The same, as it is kept."""
    with store.transaction(database) as session:
        return _healthy(units.known(session, unit_id))


def whole(session: Session, unit: Unit) -> WholeUnit:
    """The unit and all around it."""
    points = session.scalars(select(UnitPoint).where(UnitPoint.unit_id == unit.id).order_by(UnitPoint.point)).all()
    above = session.scalars(select(Feed.upstream).where(Feed.downstream == unit.id).order_by(Feed.upstream))
    below = session.scalars(select(Feed.downstream).where(Feed.upstream == unit.id).order_by(Feed.downstream))
    return WholeUnit(
        **ShownUnit.model_validate(unit).model_dump(),
        points={point.point: PointOf(series_id=point.series_id, unit=point.uom) for point in points},
        fed_by=list(above),
        feeds=list(below),
        outlook=outlook(unit.kind, [point.point for point in points]),
    )


def _in_a_list(session: Session, found: Sequence[Unit]) -> list[ListedUnit]:
    points: dict[str, list[str]] = {unit.id: [] for unit in found}
    for unit, point in session.execute(select(UnitPoint.unit_id, UnitPoint.point).where(UnitPoint.unit_id.in_(points))):
        points[unit].append(point)
    return [
        ListedUnit(
            **ShownUnit.model_validate(unit).model_dump(),
            point_count=len(points[unit.id]),
            predictable=outlook(unit.kind, points[unit.id]).predictable,
        )
        for unit in found
    ]


def _healthy(unit: Unit) -> KeptHealthy:
    return KeptHealthy(unit_id=unit.id, reference=unit.reference, reference_at=unit.reference_at)
