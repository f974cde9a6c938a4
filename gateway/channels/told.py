"""What was told: each notice with its deliveries and every attempt, newest first."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from gateway import store
from gateway.auth import at_least
from gateway.channels.notice import Kind
from gateway.channels.tables import Attempt, Delivery, StoredNotice
from gateway.errors import Problem, documented
from gateway.store import Database

PATH = "/api/v1/notices"
MOST_PER_PAGE = 100

router = APIRouter(tags=["channels"], responses=documented(422, 500, 503))


class Tried(BaseModel):
    """A sending: ``again`` says that it was marked as one that may have arrived before."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    channel: str
    kind: str
    at: datetime
    ended_at: datetime | None
    result: Literal["sending", "sent", "failed", "unknown"]
    again: bool
    reason: str | None


class Delivered(BaseModel):
    """How far a chain is with a notice."""

    model_config = ConfigDict(from_attributes=True)

    chain: str
    status: Literal["waiting", "sending", "delivered", "expired", "testing", "failed"]
    due_at: datetime = Field(description="When it is tried again; of what has ended, when that was.")
    attempts: list[Tried] = []


class Told(BaseModel):
    """A notice as it was made, and what became of it; without a delivery no channel was there for it."""

    id: UUID
    put_at: datetime
    content: dict[str, Any]
    deliveries: list[Delivered]


class Listed(BaseModel):
    """Some notices; the Link header leads to those before them."""

    items: list[Told]


class Asked(BaseModel):
    """Which, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert_id: UUID | None = None
    unit_id: Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")] | None = None
    kind: Kind | None = None
    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    after: UUID | None = Field(None, description="The last notice of the page before.")


@router.get(PATH, dependencies=[at_least("viewer")], responses=documented(404))
def listed(asked: Annotated[Asked, Query()], database: Database, response: Response) -> Listed:
    """Notices with their deliveries, the newest first."""
    with store.transaction(database) as session:
        found = list(session.scalars(_wanted(session, asked)))
        shown = found[: asked.limit]
        if len(found) > asked.limit:
            more = asked.model_copy(update={"after": shown[-1].id})
            query = urlencode(more.model_dump(mode="json", exclude_none=True))
            response.headers["Link"] = f'<{PATH}?{query}>; rel="next"'
        return Listed(items=_told(session, shown))


@router.get(PATH + "/{number}", dependencies=[at_least("viewer")], responses=documented(404))
def look(number: UUID, database: Database) -> Told:
    """One notice."""
    with store.transaction(database) as session:
        (told,) = _told(session, [_found(session, number)])
        return told


def _wanted(session: Session, asked: Asked) -> Select[StoredNotice]:
    newest = (StoredNotice.put_at.desc(), StoredNotice.id.desc())
    wanted = select(StoredNotice).order_by(*newest).limit(asked.limit + 1)
    for column, value in (
        (StoredNotice.alert_id, asked.alert_id),
        (StoredNotice.unit_id, asked.unit_id),
        (StoredNotice.kind, asked.kind),
    ):
        wanted = wanted if value is None else wanted.where(column == value)
    if asked.after is not None:
        last = _found(session, asked.after)
        same = and_(StoredNotice.put_at == last.put_at, StoredNotice.id < last.id)
        wanted = wanted.where(or_(StoredNotice.put_at < last.put_at, same))
    return wanted


def _told(session: Session, notices: list[StoredNotice]) -> list[Told]:
    ids = [notice.id for notice in notices]
    tried: dict[tuple[UUID, str], list[Tried]] = defaultdict(list)
    for attempt in session.scalars(select(Attempt).where(Attempt.notice_id.in_(ids)).order_by(Attempt.number)):
        tried[attempt.notice_id, attempt.chain].append(Tried.model_validate(attempt))
    went: dict[UUID, list[Delivered]] = defaultdict(list)
    for delivery in session.scalars(select(Delivery).where(Delivery.notice_id.in_(ids)).order_by(Delivery.chain)):
        attempts = tried[delivery.notice_id, delivery.chain]
        went[delivery.notice_id].append(Delivered.model_validate(delivery).model_copy(update={"attempts": attempts}))
    return [
        Told(id=notice.id, put_at=notice.put_at, content=notice.content, deliveries=went[notice.id])
        for notice in notices
    ]


def _found(session: Session, number: UUID) -> StoredNotice:
    found = session.get(StoredNotice, number)
    if found is None:
        raise Problem(404, "no-such-notice", f"There is no notice of this id. Ask for the list of them at {PATH}.")
    return found
