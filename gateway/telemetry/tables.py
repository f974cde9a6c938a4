"""What is kept of readings: each once, the newest of each point, who was heard, and what could not be taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Double, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.tables import Base, UtcDateTime


class Reading(Base):
    """A point's value at a moment, in the unit of measure that all points of its kind are stored in.

    The key begins with unit and time: a unit's last days lie beside each other, with all its points.
    """

    __tablename__ = "readings"
    __table_args__ = ({"sqlite_with_rowid": False},)

    unit_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    point: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float | None] = mapped_column(Double)
    quality: Mapped[str] = mapped_column(String(8))


class Latest(Base):
    """A point's newest reading, and what the next one is judged by."""

    __tablename__ = "latest_readings"
    __table_args__ = ({"sqlite_with_rowid": False},)

    unit_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    point: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    value: Mapped[float | None] = mapped_column(Double)
    quality: Mapped[str] = mapped_column(String(8))
    sound: Mapped[float | None] = mapped_column(Double)  # the last value that was believed
    sound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    steady_since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # from when on it has not changed


class Heard(Base):
    """When anything last came from a unit; who stores its readings holds this row meanwhile."""

    __tablename__ = "heard_units"

    unit_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Event(Base):
    """An event that was taken, by the seal of its source and id, so that it is taken once."""

    __tablename__ = "taken_events"

    seal: Mapped[str] = mapped_column(String(32), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class DeadLetter(Base):
    """What was refused, as it came, and why; ``id`` is made of it, so that the same is kept once."""

    __tablename__ = "dead_letters"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    door: Mapped[str] = mapped_column(String(16))
    place: Mapped[str | None] = mapped_column(String(400))  # of a stream: topic, partition and offset
    unit_id: Mapped[str | None] = mapped_column(String(128))
    point: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(32), index=True)
    message: Mapped[str] = mapped_column(String(400))
    remedy: Mapped[str] = mapped_column(String(400))
    given: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int]
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by a replay
