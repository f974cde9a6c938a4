"""What people do to their own logins: another password, see who has logged in, and end them all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import Engine, func, select, update

from gateway import audit, store
from gateway.accounts import Address, At, LoggedIn, fresh, of_id, refuse_weak
from gateway.auth import Login, at_least, refusal
from gateway.bodies import JsonRoute
from gateway.errors import Problem, documented
from gateway.rights import Identity
from gateway.settings import LONGEST_PASSWORD, SHORTEST_PASSWORD, Knobs
from gateway.store import Database
from gateway.tables import AuditEntry, User
from gateway.tokens import LOGIN_LASTS_S

CHANGED, ENDED = "password-changed", "logins-ended"
MOST_SHOWN = 100

router = APIRouter(
    route_class=JsonRoute, tags=["accounts"], dependencies=[at_least("viewer")], responses=documented(500, 503)
)


class NewPassword(BaseModel):
    """The password that is good now, and the one that is to be."""

    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(max_length=LONGEST_PASSWORD)
    newPassword: SecretStr = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)  # noqa: N815 - as userId


class ShownLogin(BaseModel):
    """When somebody typed this account's password, and from where."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    address: str | None


class ShownLogins(BaseModel):
    """Those that may still hold, the newest first; who has logged out since is among them."""

    items: list[ShownLogin]


def _strong(asked: NewPassword, settings: Knobs) -> NewPassword:
    refuse_weak(asked.newPassword, "newPassword", settings)
    return asked


@router.put("/api/v1/me/password", responses=documented(400, 413, 415, 422, 429))
async def change(
    asked: Annotated[NewPassword, Depends(_strong)], caller: Login, desk: At, address: Address, response: Response
) -> LoggedIn:
    """Another password. All logins end; the answer is a new one. Keys go on: revoke those that are not wanted."""
    account = caller.name.casefold()
    await desk.attempts.check(account, address)
    async with desk.hasher.turn():
        await desk.attempts.check(account, address)
        user = await asyncio.to_thread(of_id, desk.database, caller.id)
        if not await desk.hasher.matches(asked.password.get_secret_value(), user.password):
            await desk.attempts.failed(account, address)
            raise Problem(403, "password-wrong", "This is not your password now. Correct it and send both again.")
        hashed = await desk.hasher.hashed(asked.newPassword.get_secret_value())
    await asyncio.to_thread(_end, desk.database, caller, CHANGED, address, {"password": hashed})
    desk.rights.forget_all_of(caller.id)
    return fresh(desk.signer.make(caller.id, caller.generation + 1), response)


@router.get("/api/v1/me/logins")
async def show(caller: Login, database: Database) -> ShownLogins:
    """Your own logins of the last twelve hours, which is how long one holds, since they were last ended."""
    items = await asyncio.to_thread(_since_the_last_end, database, caller)
    return ShownLogins(items=[ShownLogin.model_validate(entry) for entry in items])


@router.delete("/api/v1/me/logins", status_code=204)
async def end(caller: Login, desk: At, address: Address) -> None:
    """All your logins end, this one too: log in again. Keys go on."""
    await asyncio.to_thread(_end, desk.database, caller, ENDED, address, {})
    desk.rights.forget_all_of(caller.id)


def _end(database: Engine, caller: Identity, action: str, address: str, more: dict[str, str]) -> None:
    """Where nobody has ended them since the caller was let in: of two changes at once one is refused."""
    with store.transaction(database) as session:
        audit.append(session, action, caller.id, caller.id, address)
        mine = update(User).where(User.id == caller.id, User.generation == caller.generation)
        if not store.changed(session, mine, generation=User.generation + 1, **more):
            raise refusal()


def _since_the_last_end(database: Engine, caller: Identity) -> Sequence[AuditEntry]:
    about = AuditEntry.subject == str(caller.id)
    ends = select(func.max(AuditEntry.number)).where(about, AuditEntry.action.in_((CHANGED, ENDED, "disabled")))
    holds = datetime.now(UTC) - timedelta(seconds=LOGIN_LASTS_S)
    typed = select(AuditEntry).where(about, AuditEntry.action.in_(("login", CHANGED)), AuditEntry.at > holds)
    with store.transaction(database) as session:
        since = session.scalar(ends) or 0
        newest = typed.where(AuditEntry.number >= since).order_by(AuditEntry.number.desc()).limit(MOST_SHOWN)
        return session.scalars(newest).all()
