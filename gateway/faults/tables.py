"""What was predicted for units, and how far each has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Double, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.tables import Base, UtcDateTime


class Watch(Base):
    """How far a unit's predictions have come; ``attempt`` fences as a task's does.

    ``free_at`` is until when somebody holds it, or when it is looked at again.
    """

    __tablename__ = "watches"

    unit_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    done_until: Mapped[datetime] = mapped_column(UtcDateTime)
    attempt: Mapped[int]
    free_at: Mapped[datetime] = mapped_column(UtcDateTime)
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when a slot was done last
    skipped: Mapped[int]  # slots that were too long ago when their turn came
    trouble: Mapped[str | None] = mapped_column(Text)  # why the last slot has no prediction


class Prediction(Base):
    """The answer about a unit at the end of one of its intervals, without the reference, which the unit keeps."""

    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_slot", "slot"),)

    unit_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    slot: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    level: Mapped[int]
    fault: Mapped[str | None] = mapped_column(String(32))
    probability: Mapped[float] = mapped_column(Double)  # of a loss of function within 72 hours
    severity: Mapped[float] = mapped_column(Double)
    model_version: Mapped[str] = mapped_column(String(128))
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
