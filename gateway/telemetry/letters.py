"""What was refused is not lost: kept as it came, with its reason, until it is taken after all or has grown old."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from gateway.errors import Problem
from gateway.tables import table_of
from gateway.telemetry.records import Refused
from gateway.telemetry.tables import DeadLetter
from gateway.upserts import insert_new

LETTERS = table_of(DeadLetter)
MOST_AT_ONCE = 1000  # of one request: its sender is told, and has the rest


@dataclass(frozen=True, slots=True)
class Door:
    """Through which something came; of a stream also the place of each line: topic, partition and offset."""

    name: str
    places: Sequence[str] = ()

    def place(self, line: int) -> str | None:
        """Where the line can be found again."""
        return self.places[line - 1] if self.places else None


HTTP, REPLAY = Door("http"), Door("replay")


def bury(session: Session, refused: Sequence[Refused], now: datetime, door: Door) -> None:
    """Keeps them; what was refused before in the same words is kept once, and what was lying here already stays."""
    if door is REPLAY:
        return
    kept = refused if door.places else refused[:MOST_AT_ONCE]
    rows = {row["id"]: row for row in (_row(one, now, door) for one in kept)}
    insert_new(session, LETTERS, [rows[number] for number in sorted(rows)])


def _row(one: Refused, now: datetime, door: Door) -> dict[str, Any]:
    unit, point = one.given.get("unit_id"), one.given.get("point")
    return {
        "id": _id(one),
        "arrived_at": now,
        "door": door.name,
        "place": door.place(one.line),
        "unit_id": unit[:128] if isinstance(unit, str) and unit.isprintable() else None,
        "point": point[:64] if isinstance(point, str) and point.isprintable() else None,
        "reason": one.reason,
        "message": one.message[:400],
        "remedy": one.remedy,
        "given": dict(one.given),
        "attempts": 1,
        "taken_at": None,
    }


def _id(one: Refused) -> UUID:
    said = json.dumps(one.given, sort_keys=True)
    return UUID(bytes=blake2b(said.encode(), digest_size=16).digest())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those of these ids, this reason, this unit; whatever is not said does not matter."""

    ids: tuple[UUID, ...] = ()
    reason: str | None = None
    unit_id: str | None = None
    taken: bool = False


def listed(session: Session, wanted: Wanted, after: UUID | None, limit: int) -> list[DeadLetter]:
    """At most so many, the newest first, after the one that is named. 404 where that is not there."""
    query = _query(wanted).order_by(DeadLetter.arrived_at.desc(), DeadLetter.id.desc())
    if after is not None:
        if (last := session.get(DeadLetter, after)) is None:
            detail = "There is no such dead letter. Leave after out to begin with the newest."
            raise Problem(404, "dead-letter-unknown", detail)
        same = and_(DeadLetter.arrived_at == last.arrived_at, DeadLetter.id < last.id)
        query = query.where(or_(DeadLetter.arrived_at < last.arrived_at, same))
    return list(session.scalars(query.limit(limit)))


def waiting(session: Session, wanted: Wanted, limit: int) -> list[DeadLetter]:
    """Those that have not been taken, the oldest first."""
    return list(session.scalars(_query(wanted).order_by(DeadLetter.arrived_at, DeadLetter.id).limit(limit)))


def answer(session: Session, tried: Sequence[DeadLetter], refused: Sequence[Refused], now: datetime) -> None:
    """After a replay: what was taken says so, all else has its newest reason. Line n is the n-th letter."""
    again = {one.line: one for one in refused}
    for line, letter in enumerate(tried, 1):
        letter.attempts += 1
        if (one := again.get(line)) is None:
            letter.taken_at = now
        else:
            letter.reason, letter.message, letter.remedy = one.reason, one.message[:400], one.remedy


def _query(wanted: Wanted) -> Select[DeadLetter]:
    row = DeadLetter
    query = select(row).where(row.taken_at.is_not(None) if wanted.taken else row.taken_at.is_(None))
    query = query.where(row.id.in_(wanted.ids)) if wanted.ids else query
    query = query.where(row.reason == wanted.reason) if wanted.reason else query
    return query.where(row.unit_id == wanted.unit_id) if wanted.unit_id else query
