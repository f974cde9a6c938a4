"""The plant: units, the points that are measured there, and which unit feeds which."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gateway.tables import Base, UtcDateTime


class Unit(Base):
    """A machine that is watched. ``reference`` is what it is like when healthy, as the inference server gave it."""

    __tablename__ = "units"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(64))  # a class of Brick
    place: Mapped[str | None] = mapped_column(String(255))
    zone: Mapped[str | None] = mapped_column(String(64))  # IANA's name for its local time
    interval_s: Mapped[int] = mapped_column(default=900)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[UUID]
    changed_by_name: Mapped[str] = mapped_column(String(64))
    reference: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reference_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UnitPoint(Base):
    """What a unit measures or is told, under which time-series id its readings come, and in which unit of measure."""

    __tablename__ = "unit_points"

    unit_id: Mapped[str] = mapped_column(ForeignKey("units.id"), primary_key=True)
    point: Mapped[str] = mapped_column(String(64), primary_key=True)
    series_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    uom: Mapped[str] = mapped_column(String(32))  # UCUM


class Feed(Base):
    """Air, water or power goes from one unit to another; or the second is a part of the first."""

    __tablename__ = "unit_feeds"

    upstream: Mapped[str] = mapped_column(ForeignKey("units.id"), primary_key=True)
    downstream: Mapped[str] = mapped_column(ForeignKey("units.id"), primary_key=True, index=True)
