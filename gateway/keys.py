"""Keys for machines: made, listed and revoked by people who have logged in; each is shown once."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, func, select

from gateway import audit, rights, store
from gateway.accounts import Address, At
from gateway.auth import Login, at_least, refusal
from gateway.errors import Problem, documented
from gateway.once import ONCE, OnceJsonRoute
from gateway.rights import Role
from gateway.store import Database
from gateway.tables import Key, User

MOST_KEYS = 100  # of one account that are not revoked
PREFIX_LENGTH = 11  # enough to tell keys apart; 35 letters stay secret

router = APIRouter(
    route_class=OnceJsonRoute, tags=["keys"], dependencies=[at_least("viewer")], responses=documented(422, 500, 503)
)


class NewKey(BaseModel):
    """What a key is called and may do: no more than its owner, and for ever if nothing is said."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    role: Role | None = None
    expires_in_days: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = None


class ShownKey(BaseModel):
    """A key, and how it begins."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    prefix: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeKey(ShownKey):
    """A new key, whole for this once."""

    key: str


class ShownKeys(BaseModel):
    """All that are not revoked, oldest first."""

    items: list[ShownKey]


@router.post("/api/v1/keys", status_code=201, dependencies=[ONCE], responses=documented(413, 415))
async def make(asked: NewKey, caller: Login, database: Database, address: Address, response: Response) -> MadeKey:
    """A key for a machine; keep it, since only its hash stays here."""
    role = asked.role or caller.role
    if not caller.may(role):
        raise Problem(403, "role-too-high", f"Your own role is {caller.role}. Ask for a key of that or less.")
    lasts = timedelta(days=asked.expires_in_days) if asked.expires_in_days else None
    key, secret = new(caller.id, asked.name, role, lasts)
    key = await asyncio.to_thread(_add, database, key, address)
    response.headers["Cache-Control"] = "no-store"
    return MadeKey(**ShownKey.model_validate(key).model_dump(), key=secret)


@router.get("/api/v1/keys")
async def show(caller: Login, database: Database) -> ShownKeys:
    """The caller's own keys."""
    return await asyncio.to_thread(of, database, caller.id)


@router.delete("/api/v1/keys/{key}", status_code=204, responses=documented(404))
async def revoke(key: UUID, caller: Login, desk: At, address: Address) -> None:
    """The key admits nobody from now on."""
    await asyncio.to_thread(end, desk.database, key, caller.id, caller.id, address)
    desk.rights.forget(str(key))


def new(owner: UUID, name: str, role: Role, lasts: timedelta | None) -> tuple[Key, str]:
    """A row that is not stored yet, and the key itself."""
    now, secret = datetime.now(UTC), rights.KEY_MARK.decode() + secrets.token_urlsafe(32)
    key = Key(
        id=uuid4(),
        owner=owner,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=rights.digest(secret.encode()),
        role=role,
        created_at=now,
        expires_at=now + lasts if lasts else None,
    )
    return key, secret


def of(database: Engine, owner: UUID) -> ShownKeys:
    """This account's."""
    wanted = select(Key).where(Key.owner == owner, Key.revoked_at.is_(None)).order_by(Key.created_at, Key.id)
    with store.transaction(database) as session:
        return ShownKeys(items=[ShownKey.model_validate(key) for key in session.scalars(wanted)])


def end(database: Engine, number: UUID, owner: UUID, by: UUID, address: str) -> None:
    """This account's key admits nobody any more; 404 where it has none of this id."""
    with store.transaction(database) as session:
        key = session.get(Key, number)
        if key is None or key.owner != owner or key.revoked_at is not None:
            raise Problem(
                404, "no-such-key", "There is no key of this id. Ask for the list of keys, and use an id that it has."
            )
        key.revoked_at = datetime.now(UTC)
        session.flush()
        audit.append(session, "key-revoked", by, number, address)


def _add(database: Engine, key: Key, address: str) -> Key:
    live = select(func.count()).where(Key.owner == key.owner, Key.revoked_at.is_(None))
    with store.transaction(database) as session:
        audit.append(session, "key-made", key.owner, key.id, address)  # first: it lets one at a time count
        if not session.scalar(select(User.id).where(User.id == key.owner, User.disabled_at.is_(None))):
            raise refusal()  # disabled a moment ago
        if session.execute(live).scalar_one() >= MOST_KEYS:
            raise Problem(409, "too-many-keys", f"You have {MOST_KEYS} keys. Revoke those that you do not use.")
        session.add(key)
    return key
