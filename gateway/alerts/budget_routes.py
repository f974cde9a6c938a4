"""The alert budget over HTTP: first what it would have done, then it is switched on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, select

from gateway import store
from gateway.alerts import versions
from gateway.alerts.budget import Budget, Labelled, Past, Preview, preview, slim
from gateway.alerts.findings import Finding
from gateway.alerts.rule_routes import KeptThreshold
from gateway.alerts.rules import Share
from gateway.alerts.tables import AlertRow
from gateway.alerts.versions import Change
from gateway.auth import Caller, at_least
from gateway.equipment import units
from gateway.errors import Problem, documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.store import Database

PATH = "/api/v1/alerts/budget"

# What was predicted between two moments; the application's state has it under this name, since predictions know alerts.
Predicted = Callable[[Engine, datetime, datetime], Iterable[Finding]]
STATE = "predicted"

router = APIRouter(route_class=OnceJsonRoute, tags=["alerts"], responses=documented(422, 500, 503))


class Applied(BaseModel):
    """The budget, and what its preview proposed."""

    model_config = ConfigDict(extra="forbid")

    budget: Budget
    on: Share
    off: Share = Field(description="At most on.")


@router.post(PATH, dependencies=[at_least("expert")], responses=documented(400, 409, 413, 415))
def look_ahead(asked: Budget, request: Request, database: Database) -> Preview:
    """How many alerts a day the last weeks would have had, on which units, and which labelled ones would be missed."""
    predicted: Predicted | None = getattr(request.app.state, STATE, None)
    now = datetime.now(UTC)
    findings = slim(predicted(database, now - timedelta(days=asked.days), now)) if predicted else []
    if not findings:
        detail = "There are no predictions of these days. Wait until units have been predicted, or ask for more days."
        raise Problem(409, "no-predictions", detail)
    with store.transaction(database) as session:
        rows = session.scalars(
            select(AlertRow).where(AlertRow.reason.is_not(None), AlertRow.closed_at >= findings[0].at)
        )
        labels = [_labelled(row) for row in rows if row.about == "fault"]
        past = Past(findings, labels, units.upstream(session), findings[0].at, findings[-1].at)
        _, policy = versions.policy(session)
        thresholds = {place: threshold for place, (_, threshold) in versions.thresholds(session).items()}
    return preview(past, asked, thresholds, policy)


@router.post(PATH + "/apply", dependencies=[ONCE, at_least("expert")], responses=documented(413, 415))
def apply(asked: Applied, caller: Caller, database: Database) -> KeptThreshold:
    """What the preview proposed is the installation's threshold from the next prediction on, as a new version."""
    if asked.off > asked.on:
        raise Problem(422, "off-above-on", "off is above on. Send both as the preview proposed them.")
    budget = asked.budget
    note = f"budget: at most {budget.alerts_a_day:g} a day, a miss costs {budget.miss_costs_visits:g} visits"
    with store.transaction(database, "The threshold could not be stored.") as session:
        _, before = versions.threshold_for(session, None, None)
        threshold = before.model_copy(update={"on": asked.on, "off": asked.off})
        row = versions.set_threshold(session, (None, None), threshold, Change(caller, datetime.now(UTC), note))
    return KeptThreshold(unit_id=None, fault=None, version=row.version, threshold=threshold)


def _labelled(row: AlertRow) -> Labelled:
    end = row.closed_at or row.since
    begin = row.raised_at or row.created_at
    return Labelled(id=row.id, unit_id=row.unit_id, fault=row.fault, reason=row.reason or "true", begin=begin, end=end)
