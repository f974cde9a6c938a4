"""What is kept of telling people: the channels, each notice, its delivery by each chain, and every attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.tables import Base, UtcDateTime


class Channel(Base):
    """A way to reach somebody. Of one chain the first that works is enough; every chain is told.

    ``target`` holds no secret: it names variables of the environment in their place.
    """

    __tablename__ = "channels"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    target: Mapped[dict[str, Any]] = mapped_column(JSON)
    language: Mapped[str] = mapped_column(String(4))
    timezone: Mapped[str] = mapped_column(String(64))
    from_level: Mapped[int]
    from_step: Mapped[int]  # of the ladder of escalation
    chain: Mapped[str] = mapped_column(String(64))
    place: Mapped[int]  # in the chain, the lowest first
    most_a_day: Mapped[int | None]
    enabled: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rests_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # after a failure others of its chain go first


class StoredNotice(Base):
    """A notice as it was put."""

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    put_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(16))
    level: Mapped[int]
    step: Mapped[int]
    unit_id: Mapped[str] = mapped_column(String(128), index=True)
    alert_id: Mapped[UUID | None] = mapped_column(index=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class Lamp(Base):
    """What alarm lights shine for, until it is over: an alert, or a unit where there is none, and its level."""

    __tablename__ = "lamps"

    subject: Mapped[str] = mapped_column(String(160), primary_key=True)
    level: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Delivery(Base):
    """How far a chain is with a notice. Whoever sends holds ``attempt``; it fences as a task's does.

    ``due_at`` is when it is tried again, or when the lease of who is sending ends. ``spent`` are the channels that
    failed in this round, ``tries`` how often the one in turn has.
    """

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_status_due_at", "status", "due_at"),)

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    level: Mapped[int]  # and step: whom it concerns
    step: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    put_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempt: Mapped[int]
    channel_id: Mapped[UUID | None]
    tries: Mapped[int]
    rounds: Mapped[int]
    spent: Mapped[list[str]] = mapped_column(JSON)
    unsure: Mapped[bool]  # whether an attempt may have arrived although nobody said so


class Attempt(Base):
    """One sending: over which channel, when, and what came of it. The channel's name stays when the channel goes."""

    __tablename__ = "delivery_attempts"

    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[UUID] = mapped_column(index=True)
    channel: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str] = mapped_column(String(16))  # sending, sent, failed or unknown
    again: Mapped[bool]  # marked as one that may have arrived before
    reason: Mapped[str | None] = mapped_column(Text)
