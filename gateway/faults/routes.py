"""Predictions by HTTP: those that were made, one for now, and what a unit is like when healthy, by its own readings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import Engine, select

from bentos.fault.schema import MAX_HEALTHY_DAYS, Answer, ReferenceAnswer
from gateway import diagnoses, inference, store
from gateway.auth import at_least
from gateway.bodies import JsonRoute
from gateway.equipment import units
from gateway.equipment.routes import PATH, UnitId
from gateway.errors import Problem, documented
from gateway.faults import predicting
from gateway.faults.tables import Prediction, Watch
from gateway.inference import DeadlineMs, Inference
from gateway.store import Database
from gateway.telemetry import readings

router = APIRouter(route_class=JsonRoute, tags=["faults"], responses=documented(404, 422, 500, 503))
_ASKED = documented(400, 413, 415, 502, 504)


class Made(BaseModel):
    """What was predicted at the end of an interval; the probability is of a loss of function within 72 hours."""

    model_config = ConfigDict(from_attributes=True)

    slot: datetime
    made_at: datetime
    level: int
    fault: str | None
    probability: float
    severity: float
    model_version: str
    answer: dict[str, Any] | None = Field(None, description="The whole answer, where the question says details=true.")


class Predictions(BaseModel):
    """The newest first, and how far the unit's predictions have come; the Link header leads to older ones."""

    items: list[Made]
    done_until: datetime | None
    skipped: int = Field(description="Intervals that were too long ago when their turn came.")
    trouble: str | None = Field(description="Why the last interval has no prediction.")


class Asked(BaseModel):
    """Which, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: AwareDatetime | None = None
    before: AwareDatetime | None = None
    details: bool = False
    limit: int = Field(100, ge=1, le=500)


class Period(BaseModel):
    """Two weeks to two months in which the unit worked as it should."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime
    until: AwareDatetime

    @model_validator(mode="after")
    def _not_too_long(self) -> Self:
        if not timedelta(0) < self.until - self.since <= timedelta(days=MAX_HEALTHY_DAYS):
            raise ValueError(f"until must lie after since, and no more than {MAX_HEALTHY_DAYS} days")
        return self


@router.get(PATH + "/{unit_id}/predictions", dependencies=[at_least("viewer")])
def listed(unit_id: UnitId, asked: Annotated[Asked, Query()], database: Database, response: Response) -> Predictions:
    """What was predicted for a unit, at each of its intervals."""
    wanted = select(Prediction).where(Prediction.unit_id == unit_id).order_by(Prediction.slot.desc())
    if asked.since is not None:
        wanted = wanted.where(Prediction.slot >= asked.since)
    if asked.before is not None:
        wanted = wanted.where(Prediction.slot < asked.before)
    with store.transaction(database) as session:
        units.known(session, unit_id)
        watch = session.get(Watch, unit_id)
        found = session.scalars(wanted.limit(asked.limit + 1)).all()
    items = [Made.model_validate(row) for row in found[: asked.limit]]
    if len(found) > asked.limit:
        query = asked.model_dump(mode="json", exclude_defaults=True) | {"before": items[-1].slot.isoformat()}
        response.headers["Link"] = f'<{PATH}/{unit_id}/predictions?{urlencode(query)}>; rel="next"'
    if not asked.details:
        items = [item.model_copy(update={"answer": None}) for item in items]
    if watch is None:
        return Predictions(items=items, done_until=None, skipped=0, trouble=None)
    return Predictions(items=items, done_until=watch.done_until, skipped=watch.skipped, trouble=watch.trouble)


@router.post(PATH + "/{unit_id}/diagnosis", dependencies=[at_least("operator")], responses=_ASKED)
async def now(unit_id: UnitId, database: Database, client: Inference, deadline_ms: DeadlineMs) -> Answer:
    """What is to be said of a unit now, from its stored readings; it is not kept and raises no alert."""
    question = await asyncio.to_thread(_question, database, unit_id)
    return await predicting.ask(client, question, deadline_ms)


@router.post(PATH + "/{unit_id}/healthy", dependencies=[at_least("engineer")], responses=_ASKED)
async def healthy(
    unit_id: UnitId, period: Period, database: Database, client: Inference, deadline_ms: DeadlineMs
) -> ReferenceAnswer:
    """In this time the unit worked as it should: from its stored readings its reference is made, and kept."""
    told = await asyncio.to_thread(_told, database, unit_id, period)
    answer = await diagnoses.ask(client, diagnoses.REFERENCE, told, deadline_ms)
    try:
        found = ReferenceAnswer.model_validate_json(answer)
    except ValidationError:
        raise inference.garbled() from None
    await asyncio.to_thread(_keep, database, found)
    return found


def _question(database: Engine, unit_id: str) -> bytes:
    return predicting.asked(database, unit_id, datetime.now(UTC)).body


def _told(database: Engine, unit_id: str, period: Period) -> bytes:
    with store.transaction(database) as session:
        unit = units.known(session, unit_id)
        known = readings.window(session, unit_id, period.since, period.until)
    if len(known["times"]) < 2:
        detail = "There are no readings of this time. Give one that GET /api/v1/units/{id}/readings shows some of."
        raise Problem(422, "no-readings", detail)
    return predicting.body(unit, known)


def _keep(database: Engine, found: ReferenceAnswer) -> None:
    with store.transaction(database, "The reference could not be stored.") as session:
        units.keep_reference(session, found.unit_id, found.reference, datetime.now(UTC))
