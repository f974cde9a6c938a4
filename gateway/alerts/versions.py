"""Thresholds and the policy as they are kept: every change is a new version, and none is ever taken away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.alerts.rules import Policy, Threshold, nearest
from gateway.alerts.tables import AlertRule
from gateway.rights import Identity

Place = tuple[str | None, str | None]  # unit and fault, each none for all
Kind = Literal["threshold", "policy"]

FIRST: dict[Place, tuple[int, Threshold]] = {(None, None): (0, Threshold())}


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes a rule, when and why."""

    by: Identity
    at: datetime
    note: str | None = None


def set_threshold(session: Session, place: Place, threshold: Threshold | None, change: Change) -> AlertRule:
    """A new version; with nothing the place goes back to what is set for more."""
    content = threshold.model_dump(mode="json") if threshold else None
    return _kept(session, AlertRule(about="threshold", unit_id=place[0], fault=place[1], content=content), change)


def set_policy(session: Session, policy: Policy, change: Change) -> AlertRule:
    """A new version."""
    return _kept(session, AlertRule(about="policy", content=policy.model_dump(mode="json")), change)


def thresholds(session: Session) -> dict[Place, tuple[int, Threshold]]:
    """Those in force, by what they are for."""
    found = dict(FIRST)
    for row in session.scalars(select(AlertRule).where(AlertRule.about == "threshold").order_by(AlertRule.version)):
        place = (row.unit_id, row.fault)
        if row.content is None:
            found.pop(place, None)
            found |= {place: FIRST[place]} if place in FIRST else {}
        else:
            found[place] = row.version, Threshold.model_validate(row.content)
    return found


def policy(session: Session) -> tuple[int, Policy]:
    """The one in force."""
    newest = select(AlertRule).where(AlertRule.about == "policy").order_by(AlertRule.version.desc()).limit(1)
    row = session.scalars(newest).first()
    return (row.version, Policy.model_validate(row.content)) if row else (0, Policy())


def threshold_for(session: Session, unit_id: str | None, fault: str | None) -> tuple[int, Threshold]:
    """What is in force for a key."""
    return nearest(thresholds(session), unit_id, fault)


def history(session: Session, about: Kind | None, before: int | None, most: int) -> list[AlertRule]:
    """All versions, the newest first."""
    wanted = select(AlertRule).order_by(AlertRule.version.desc()).limit(most)
    if about is not None:
        wanted = wanted.where(AlertRule.about == about)
    if before is not None:
        wanted = wanted.where(AlertRule.version < before)
    return list(session.scalars(wanted))


def _kept(session: Session, row: AlertRule, change: Change) -> AlertRule:
    row.at, row.actor_id, row.actor, row.note = change.at, change.by.id, change.by.name, change.note
    session.add(row)
    session.flush()
    return row
