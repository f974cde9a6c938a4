"""Alerts as they stand, each of their steps, what was told, and the rules by version."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.alerts.lifecycle import Alert, Kind, State
from gateway.tables import Base, UtcDateTime

About = Literal["fault", "silence"]
KnownBy = Literal["call", "summary"]
Reason = Literal["true", "false", "known", "fixed"]

INSTALLATION = ""  # the unit of an alert that is about all of them


class AlertRow(Base):
    """An alert: what it is about, how it stands, and the finding that it rests on.

    ``slot`` is its key as long as it is the newest of it, so that no key has two. ``held_at`` says since when a call
    waits for a summary, and ``known_by`` how people know of it.
    """

    __tablename__ = "alerts"
    __table_args__ = (Index("ix_alerts_unit_state", "unit_id", "state"), Index("ix_alerts_created", "created_at", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    about: Mapped[About] = mapped_column(String(16))
    unit_id: Mapped[str] = mapped_column(String(128))
    fault: Mapped[str | None] = mapped_column(String(32))
    slot: Mapped[str | None] = mapped_column(String(192), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(16), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    level: Mapped[int]
    holds: Mapped[bool]
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    raised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_level: Mapped[int]
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    step: Mapped[int]
    call_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    known: Mapped[bool]
    parent: Mapped[UUID | None] = mapped_column(index=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    held_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    held_kind: Mapped[Kind | None] = mapped_column(String(16))
    known_by: Mapped[KnownBy | None] = mapped_column(String(16))
    calls: Mapped[int]
    steps: Mapped[int]
    finding: Mapped[dict[str, Any]] = mapped_column(JSON)
    threshold_version: Mapped[int]
    policy_version: Mapped[int]
    assignee: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[Reason | None] = mapped_column(String(16), index=True)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(64))

    @property
    def alert(self) -> Alert:
        """What decides how it goes on."""
        return Alert(
            State(self.state), self.since, self.level, self.holds, self.until, self.raised_at, self.acknowledged_at,
            self.told_level, self.told_at, self.step, self.call_at, self.parent, self.known,
        )  # fmt: skip

    @alert.setter
    def alert(self, now: Alert) -> None:
        for name in Alert.__slots__:
            value = getattr(now, name)
            if name not in self.__dict__ or self.__dict__[name] != value:
                setattr(self, name, str(value) if name == "state" else value)
        due_at = now.due_at
        if "due_at" not in self.__dict__ or self.due_at != due_at:
            self.due_at = due_at


class AlertStep(Base):
    """A change of an alert, kept for ever; the same state twice where only something about it changed."""

    __tablename__ = "alert_steps"

    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alerts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    was: Mapped[str | None] = mapped_column(String(16))
    became: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[UUID | None]
    actor: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(255))


class AlertNotice(Base):
    """What was told of an alert, or of many at once where it has no number."""

    __tablename__ = "alert_notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID | None] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(16))
    level: Mapped[int]
    step: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AlertRule(Base):
    """A version of a threshold or of the policy; without ``content`` what was set there is taken back."""

    __tablename__ = "alert_rules"

    version: Mapped[int] = mapped_column(primary_key=True)
    about: Mapped[str] = mapped_column(String(16))  # threshold or policy
    unit_id: Mapped[str | None] = mapped_column(String(128))
    fault: Mapped[str | None] = mapped_column(String(32))
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[UUID]
    actor: Mapped[str] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(255))


class Absence(Base):
    """A time in which a unit is out of service: nothing about it is an alert."""

    __tablename__ = "absences"
    __table_args__ = (Index("ix_absences_unit_until", "unit_id", "until"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(String(128))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[UUID]
    actor: Mapped[str] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(255))
