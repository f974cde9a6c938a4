"""Units by JSON: declared, listed, looked at, taken away; and what each is like when healthy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway import store
from gateway.auth import Caller, at_least
from gateway.bodies import JsonRoute
from gateway.equipment import units, upload
from gateway.equipment.forms import (
    ID,
    Asked,
    Healthy,
    KeptHealthy,
    Listed,
    ListedUnit,
    NewUnit,
    PointName,
    PointOf,
    ShownUnit,
    WholeUnit,
)
from gateway.equipment.outlook import outlook
from gateway.equipment.tables import Feed, Unit, UnitPoint
from gateway.equipment.units import Declared, Place
from gateway.errors import Problem, documented
from gateway.store import Database

PATH = "/api/v1/units"

router = APIRouter(route_class=JsonRoute, tags=["equipment"], responses=documented(422, 500, 503))
router.include_router(upload.router)


UnitId = Annotated[str, Path(pattern=ID, description="Letters, digits and . : ~ @ + - _; at most 128.")]


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
    PATH + "/{unit_id}/points/{point}",
    dependencies=[at_least("engineer")],
    responses=documented(400, 404, 409, 413, 415),
)
def declare_point(
    unit_id: UnitId, point: Annotated[PointName, Path()], asked: PointOf, caller: Caller, database: Database
) -> WholeUnit:
    """One point of the unit, beside those that it has."""
    try:
        asked.check(point)
    except ValueError as wrong:
        raise Problem(422, "unit-of-measure", f"{wrong}. Send it in one of these.") from None
    with store.transaction(database, "The point could not be stored.") as session:
        units.set_point(session, Place(unit_id, point, asked.unit), asked.series_id, caller, datetime.now(UTC))
        return whole(session, units.known(session, unit_id))


@router.delete(PATH + "/{unit_id}/points/{point}", dependencies=[at_least("engineer")], responses=documented(404, 409))
def drop_point(unit_id: UnitId, point: Annotated[PointName, Path()], caller: Caller, database: Database) -> WholeUnit:
    """The unit has this point no more."""
    with store.transaction(database) as session:
        units.drop_point(session, unit_id, point, caller, datetime.now(UTC))
        return whole(session, units.known(session, unit_id))


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
