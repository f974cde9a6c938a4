"""What admins do to accounts: list them, give a role, disable and enable, end their keys. It counts at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from gateway import audit, keys, store
from gateway.accounts import ADMIN, Address, At
from gateway.auth import Login, at_least, refusal
from gateway.bodies import JsonRoute
from gateway.errors import Problem, documented
from gateway.keys import ShownKeys
from gateway.rights import NOBODY, Role
from gateway.store import Database
from gateway.tables import Key, User

MOST_PER_PAGE = 500

router = APIRouter(
    route_class=JsonRoute, tags=["users"], dependencies=[at_least("admin")], responses=documented(422, 500, 503)
)


class Paged(BaseModel):
    """A page of the list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(50, ge=1, le=MOST_PER_PAGE)


class ShownUser(BaseModel):
    """An account, and since when it is disabled, if it is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    username: str = Field(validation_alias="name")
    email: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None


class ShownUsers(BaseModel):
    """Some of the accounts, oldest first, and how many there are."""

    items: list[ShownUser]
    page: int
    per_page: int
    total: int


class Change(BaseModel):
    """What is to be otherwise."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    disabled: bool | None = Field(None, strict=True, description="true ends all logins and keys, now and for good.")


@router.get("/api/v1/users")
async def show(asked: Annotated[Paged, Query()], _: Login, database: Database) -> ShownUsers:
    """All accounts."""
    return await asyncio.to_thread(_listed, database, asked)


@router.patch("/api/v1/users/{user}", responses=documented(400, 404, 409, 413, 415))
async def change(user: UUID, asked: Change, caller: Login, desk: At, address: Address) -> ShownUser:
    """Another role, or disabled, or enabled again; there is always an admin."""
    shown = await asyncio.to_thread(_change, desk.database, user, asked, caller.id, address)
    desk.rights.forget_all_of(user)
    return shown


@router.get("/api/v1/users/{user}/keys", responses=documented(404))
async def show_keys(user: UUID, _: Login, database: Database) -> ShownKeys:
    """The account's keys that are not revoked."""
    await asyncio.to_thread(_check, database, user)
    return await asyncio.to_thread(keys.of, database, user)


@router.delete("/api/v1/users/{user}/keys/{key}", status_code=204, responses=documented(404))
async def end_key(user: UUID, key: UUID, caller: Login, desk: At, address: Address) -> None:
    """The account's key admits nobody from now on."""
    await asyncio.to_thread(_check, desk.database, user)
    await asyncio.to_thread(keys.end, desk.database, key, user, caller.id, address)
    desk.rights.forget(str(key))


def _listed(database: Engine, asked: Paged) -> ShownUsers:
    people = select(User).where(User.id != NOBODY)
    part = people.order_by(User.created_at, User.id).limit(asked.per_page).offset((asked.page - 1) * asked.per_page)
    with store.transaction(database) as session:
        items = [ShownUser.model_validate(user) for user in session.scalars(part)]
        total = session.execute(select(func.count()).select_from(people.subquery())).scalar_one()
    return ShownUsers(items=items, page=asked.page, per_page=asked.per_page, total=total)


def _change(database: Engine, number: UUID, asked: Change, by: UUID, address: str) -> ShownUser:
    with store.transaction(database) as session:
        if asked.role is not None:
            audit.append(session, f"role-{asked.role}", by, number, address)  # first: one change at a time
        if asked.disabled is not None:
            audit.append(session, "disabled" if asked.disabled else "enabled", by, number, address)
        admins = select(User.id).where(User.role == ADMIN, User.disabled_at.is_(None))
        if not session.scalar(admins.where(User.id == by)):  # whoever was one a moment ago gives himself nothing back
            raise refusal()
        user = _found(session, number)
        user.role = asked.role or user.role
        if asked.disabled:
            _disable(session, user)
        elif asked.disabled is not None:
            user.disabled_at = None
        session.flush()
        if not session.scalar(admins.limit(1)):
            detail = "Nobody would be left who gives roles. Make somebody else an admin before."
            raise Problem(409, "last-admin", detail)
        return ShownUser.model_validate(user)


def _disable(session: Session, user: User) -> None:
    now = datetime.now(UTC)
    user.disabled_at = user.disabled_at or now
    user.generation += 1
    session.execute(update(Key).where(Key.owner == user.id, Key.revoked_at.is_(None)).values(revoked_at=now))


def _check(database: Engine, number: UUID) -> None:
    with store.transaction(database) as session:
        _found(session, number)


def _found(session: Session, number: UUID) -> User:
    user = session.get(User, number) if number != NOBODY else None
    if user is None:
        raise Problem(404, "no-such-user", "There is no account of this id. Ask for the list of all at /api/v1/users.")
    return user
