"""Alerts over HTTP: listed, one with all that became of it, and what an operator does with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from gateway import store
from gateway.alerts import inbox
from gateway.alerts.desk import By
from gateway.alerts.lifecycle import State
from gateway.alerts.rule_routes import Note, UnitId
from gateway.alerts.tables import AlertRow, Reason
from gateway.auth import Caller, at_least
from gateway.errors import Fault, Problem, documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.store import Database

PATH, LABELS = "/api/v1/alerts", "/api/v1/alerts/labels"
LONGEST = timedelta(days=90)  # of a shelf, or of a time out of service

router = APIRouter(route_class=OnceJsonRoute, tags=["alerts"], responses=documented(422, 500, 503))


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("there is no such moment; write one of this century") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class ShownAlert(BaseModel):
    """An alert as it stands, and the finding it rests on. Without a unit it is about the installation."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    about: Literal["fault", "silence"]
    unit_id: str
    fault: str | None = Field(description="Of a silence what is not heard: readings or predictions.")
    state: State
    since: datetime
    level: int = Field(description="1 notice, 2 warning, 3 urgent, 4 critical.")
    created_at: datetime
    raised_at: datetime | None
    acknowledged_at: datetime | None
    until: datetime | None = Field(description="When a delay, a shelf or a time out of service ends.")
    call_at: datetime | None = Field(description="When somebody is told next.")
    parent: UUID | None = Field(description="The alert that speaks for this one.")
    assignee: str | None
    reason: Reason | None
    closed_at: datetime | None
    closed_by: str | None
    threshold_version: int
    policy_version: int
    finding: dict[str, Any]


class ShownStep(BaseModel):
    """A change: from one state to another, or the same where only something about it changed."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    was: State | None
    became: State
    at: datetime
    actor: str | None = Field(description="Nobody where time or a prediction did it.")
    note: str | None


class ShownNotice(BaseModel):
    """What was told of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    level: int
    step: int
    at: datetime


class WholeAlert(ShownAlert):
    """The same with all that became of it."""

    steps: list[ShownStep] = []
    told: list[ShownNotice] = []
    stands_for: list[UUID] = []


class ShownAlerts(BaseModel):
    """Some alerts, the newest first; the Link header leads to the next of them."""

    items: list[ShownAlert]


class Asked(BaseModel):
    """Which alerts, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: list[State] = []
    unit_id: UnitId | None = None
    level: int = Field(1, ge=1, le=4, description="This level or above.")
    limit: int = Field(50, ge=1, le=200)
    after: UUID | None = Field(None, description="The last alert of the page before.")


class Label(BaseModel):
    """What somebody said that an alert was, for whoever trains on it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    unit_id: str
    fault: str | None
    reason: Reason
    level: int
    created_at: datetime
    raised_at: datetime | None
    closed_at: datetime
    closed_by: str | None
    finding: dict[str, Any]


class Labels(BaseModel):
    """Some labels, the oldest first; the Link header leads to the next of them."""

    items: list[Label]


class AskedLabels(BaseModel):
    """From when on, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: Moment | None = None
    limit: int = Field(100, ge=1, le=500)
    after: UUID | None = None


class Remark(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    note: Note | None = None


class Assignment(Remark):
    """To whom; nobody takes it from whoever had it."""

    to: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | None


class Until(Remark):
    """Until when."""

    until: Moment


class Ending(Remark):
    """What it was: a fault, none, one that is known, or one that is repaired."""

    reason: Reason


def ahead(until: datetime, now: datetime) -> datetime:
    """An end that can be; 422 where it cannot."""
    if not now < until <= now + LONGEST:
        detail = f"The end must lie ahead, and no more than {LONGEST.days} days. Send a later or an earlier one."
        fault = Fault(pointer="/until", code="until", message="Not ahead, or too far.", value=until.isoformat())
        raise Problem(422, "end-impossible", detail, [fault])
    return until


@router.get(PATH, dependencies=[at_least("viewer")], responses=documented(404))
def listed(asked: Annotated[Asked, Query()], database: Database, response: Response) -> ShownAlerts:
    """Alerts by state, unit and level."""
    with store.transaction(database) as session:
        after = inbox.known(session, asked.after) if asked.after else None
        found = inbox.listed(session, asked.state, asked.unit_id, asked.level, (after, asked.limit + 1))
    _lead_on(PATH, asked, found, response)
    return ShownAlerts(items=[ShownAlert.model_validate(row) for row in found[: asked.limit]])


@router.get(LABELS, dependencies=[at_least("viewer")], responses=documented(404))
def labels(asked: Annotated[AskedLabels, Query()], database: Database, response: Response) -> Labels:
    """What alerts were, as people said when they closed them."""
    with store.transaction(database) as session:
        after = inbox.known(session, asked.after) if asked.after else None
        found = inbox.labelled(session, asked.since, after, asked.limit + 1)
    _lead_on(LABELS, asked, found, response)
    return Labels(items=[Label.model_validate(row) for row in found[: asked.limit]])


@router.get(PATH + "/{number}", dependencies=[at_least("viewer")], responses=documented(404))
def one(number: UUID, database: Database) -> WholeAlert:
    """One alert with its steps, what was told of it, and the alerts that it speaks for."""
    return _whole(database, number)


_ACTION: dict[str, Any] = {
    "dependencies": [ONCE, at_least("operator")],
    "responses": documented(404, 409, 413, 415),
}


@router.post(PATH + "/{number}/acknowledge", **_ACTION)
def acknowledge(number: UUID, asked: Remark, caller: Caller, database: Database) -> WholeAlert:
    """You take it, and nobody else is called."""
    inbox.acknowledge(database, number, _by(caller, asked.note), datetime.now(UTC))
    return _whole(database, number)


@router.post(PATH + "/{number}/assign", **_ACTION)
def assign(number: UUID, asked: Assignment, caller: Caller, database: Database) -> WholeAlert:
    """It is somebody's from now on."""
    said = f"assigned to {asked.to}" if asked.to else "assigned to nobody"
    note = f"{said}: {asked.note}"[:255] if asked.note else said
    inbox.assign(database, number, asked.to, _by(caller, note), datetime.now(UTC))
    return _whole(database, number)


@router.post(PATH + "/{number}/shelve", **_ACTION)
def shelve(number: UUID, asked: Until, caller: Caller, database: Database) -> WholeAlert:
    """Set aside until a moment, at which it comes back by itself if it still holds; or at once if it gets worse."""
    now = datetime.now(UTC)
    inbox.shelve(database, number, ahead(asked.until, now), _by(caller, asked.note), now)
    return _whole(database, number)


@router.post(PATH + "/{number}/unshelve", **_ACTION)
def unshelve(number: UUID, asked: Remark, caller: Caller, database: Database) -> WholeAlert:
    """Back before its time."""
    now = datetime.now(UTC)
    inbox.shelve(database, number, now, _by(caller, asked.note), now)
    return _whole(database, number)


@router.post(PATH + "/{number}/close", **_ACTION)
def close(number: UUID, asked: Ending, caller: Caller, database: Database) -> WholeAlert:
    """Say what it was; the reason is kept as a label. Close it once more to correct the reason."""
    note = f"{asked.reason}: {asked.note}"[:255] if asked.note else asked.reason
    inbox.close(database, number, asked.reason, _by(caller, note), datetime.now(UTC))
    return _whole(database, number)


def _by(caller: Caller, note: str | None) -> By:
    return By(caller.id, caller.name, note)


def _whole(database: Engine, number: UUID) -> WholeAlert:
    with store.transaction(database) as session:
        row = inbox.known(session, number)
        steps, told, below = inbox.path(session, number)
    return WholeAlert(
        **ShownAlert.model_validate(row).model_dump(),
        steps=[ShownStep.model_validate(step) for step in steps],
        told=[ShownNotice.model_validate(notice) for notice in told],
        stands_for=below,
    )


def _lead_on(path: str, asked: Asked | AskedLabels, found: list[AlertRow], response: Response) -> None:
    if len(found) > asked.limit:
        more = asked.model_copy(update={"after": found[asked.limit - 1].id})
        query = urlencode(more.model_dump(mode="json", exclude_none=True), doseq=True)
        response.headers["Link"] = f'<{path}?{query}>; rel="next"'
