"""An expert's rules: thresholds by unit and fault, who is told when, and every version that there was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from bentos.fault.schema import FaultCode
from gateway import store
from gateway.alerts import versions
from gateway.alerts.rules import Policy, Threshold
from gateway.alerts.versions import Change
from gateway.auth import Caller, at_least
from gateway.equipment import units
from gateway.equipment.forms import ID
from gateway.errors import documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.store import Database

THRESHOLDS, POLICY, HISTORY = "/api/v1/alerts/thresholds", "/api/v1/alerts/policy", "/api/v1/alerts/rules"

router = APIRouter(route_class=OnceJsonRoute, tags=["alerts"], responses=documented(422, 500, 503))

Note = Annotated[str, Field(max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
UnitId = Annotated[str, Field(pattern=ID)]


class NewThreshold(BaseModel):
    """A threshold for a unit, a fault, both or all; without one the place goes back to what is set for more."""

    model_config = ConfigDict(extra="forbid")

    unit_id: UnitId | None = None
    fault: FaultCode | None = None
    threshold: Threshold | None
    note: Note | None = None


class KeptThreshold(BaseModel):
    """A threshold in force; version 0 is what the program brings."""

    unit_id: str | None
    fault: str | None
    version: int
    threshold: Threshold


class Thresholds(BaseModel):
    """All in force: what is set for a unit and a fault counts before the unit's, that before the fault's."""

    items: list[KeptThreshold]


class NewPolicy(BaseModel):
    """Who is told when, and why it changes."""

    model_config = ConfigDict(extra="forbid")

    policy: Policy
    note: Note | None = None


class KeptPolicy(BaseModel):
    """The policy in force; version 0 is what the program brings."""

    version: int
    policy: Policy


class Version(BaseModel):
    """A change of the rules: by whom, when and why. Without content it took back what was set there."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    about: Literal["threshold", "policy"]
    unit_id: str | None
    fault: str | None
    content: dict[str, Any] | None
    at: datetime
    actor: str
    note: str | None


class Versions(BaseModel):
    """Some versions, the newest first; the Link header leads to the next of them."""

    items: list[Version]


class Asked(BaseModel):
    """Which versions, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: Literal["threshold", "policy"] | None = None
    limit: int = Field(50, ge=1, le=200)
    before: int | None = Field(None, ge=1, lt=2**31, description="The last version of the page before.")


@router.get(THRESHOLDS, dependencies=[at_least("viewer")])
def thresholds(database: Database) -> Thresholds:
    """From when on what is predicted is an alert: one row for each place at which something is set."""
    with store.transaction(database) as session:
        found = versions.thresholds(session)
    places = sorted(found, key=lambda place: (place[0] or "", place[1] or ""))
    return Thresholds(items=[_kept(place, found[place]) for place in places])


@router.put(THRESHOLDS, dependencies=[ONCE, at_least("expert")], responses=documented(404, 413, 415))
def set_threshold(asked: NewThreshold, caller: Caller, database: Database) -> KeptThreshold:
    """A new version, which counts from the next prediction on; gives what is in force at this place now."""
    with store.transaction(database, "The threshold could not be stored.") as session:
        if asked.unit_id is not None:
            units.known(session, asked.unit_id)
        change = Change(caller, datetime.now(UTC), asked.note)
        versions.set_threshold(session, (asked.unit_id, asked.fault), asked.threshold, change)
        in_force = versions.threshold_for(session, asked.unit_id, asked.fault)
    return _kept((asked.unit_id, asked.fault), in_force)


@router.get(POLICY, dependencies=[at_least("viewer")])
def policy(database: Database) -> KeptPolicy:
    """Who is told when, and what keeps people from being told too much."""
    with store.transaction(database) as session:
        version, found = versions.policy(session)
    return KeptPolicy(version=version, policy=found)


@router.put(POLICY, dependencies=[ONCE, at_least("expert")], responses=documented(413, 415))
def set_policy(asked: NewPolicy, caller: Caller, database: Database) -> KeptPolicy:
    """A new version, which counts from now on."""
    with store.transaction(database, "The policy could not be stored.") as session:
        row = versions.set_policy(session, asked.policy, Change(caller, datetime.now(UTC), asked.note))
    return KeptPolicy(version=row.version, policy=asked.policy)


@router.get(HISTORY, dependencies=[at_least("viewer")])
def history(asked: Annotated[Asked, Query()], database: Database, response: Response) -> Versions:
    """Every version of thresholds and policy, with who made it; alerts name the versions that they rest on."""
    with store.transaction(database) as session:
        found = versions.history(session, asked.about, asked.before, asked.limit + 1)
    if len(found) > asked.limit:
        more = asked.model_copy(update={"before": found[asked.limit - 1].version})
        query = urlencode(more.model_dump(mode="json", exclude_none=True))
        response.headers["Link"] = f'<{HISTORY}?{query}>; rel="next"'
    return Versions(items=[Version.model_validate(row) for row in found[: asked.limit]])


def _kept(place: versions.Place, found: tuple[int, Threshold]) -> KeptThreshold:
    return KeptThreshold(unit_id=place[0], fault=place[1], version=found[0], threshold=found[1])
