"""Units out of service over HTTP: always with an end, and back by themselves."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from gateway import store
from gateway.alerts import inbox
from gateway.alerts.desk import By
from gateway.alerts.routes import Until, ahead
from gateway.auth import Caller, at_least
from gateway.equipment import units
from gateway.equipment.routes import UnitId
from gateway.errors import documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.store import Database

PATH = "/api/v1/units/{unit_id}/absence"

router = APIRouter(route_class=OnceJsonRoute, tags=["alerts"], responses=documented(404, 422, 500, 503))


class ShownAbsence(BaseModel):
    """From when until when a unit is out of service, and who said so."""

    model_config = ConfigDict(from_attributes=True)

    unit_id: str
    since: datetime
    until: datetime
    actor: str
    note: str | None


class Presence(BaseModel):
    """Whether a unit is out of service now."""

    absence: ShownAbsence | None


@router.get(PATH, dependencies=[at_least("viewer")])
def look(unit_id: UnitId, database: Database) -> Presence:
    """Whether the unit is out of service now, and until when."""
    with store.transaction(database) as session:
        units.known(session, unit_id)
        found = inbox.absence(session, unit_id, datetime.now(UTC))
    return Presence(absence=ShownAbsence.model_validate(found) if found else None)


@router.put(PATH, dependencies=[ONCE, at_least("operator")], responses=documented(409, 413, 415))
def leave(unit_id: UnitId, asked: Until, caller: Caller, database: Database) -> ShownAbsence:
    """Out of service from now until then: nothing about the unit is an alert, and what stands waits."""
    now = datetime.now(UTC)
    by = By(caller.id, caller.name, asked.note)
    return ShownAbsence.model_validate(inbox.leave(database, unit_id, ahead(asked.until, now), by, now))


@router.delete(PATH, status_code=204, dependencies=[ONCE, at_least("operator")], responses=documented(409))
def come_back(unit_id: UnitId, caller: Caller, database: Database) -> None:
    """In service again before its time."""
    inbox.come_back(database, unit_id, By(caller.id, caller.name), datetime.now(UTC))
