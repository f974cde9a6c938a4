"""Accounts: register, log in, renew or give back the token, and who one is."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, BeforeValidator, Field, SecretStr
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import IntegrityError

from gateway import audit, passwords, store, tokens
from gateway.attempts import Attempts
from gateway.auth import LOGIN, REGISTER, Account, Login, at_least, refusal, unauthorized
from gateway.counters import Counters
from gateway.errors import Problem, documented, refused
from gateway.once import ONCE, Makes, OnceJsonRoute
from gateway.passwords import Hasher
from gateway.rights import Identity, Rights, Role, address_of
from gateway.settings import LONGEST_PASSWORD, SHORTEST_PASSWORD, Knobs, Settings
from gateway.tables import RevokedToken, User
from gateway.tokens import Signer

ADMIN: Role = "admin"  # also the name of the first

router = APIRouter(route_class=OnceJsonRoute, tags=["accounts"], responses=documented(401, 500, 503))


def _normal(name: object) -> object:
    return unicodedata.normalize("NFKC", name) if isinstance(name, str) else name


Name = Annotated[str, BeforeValidator(_normal), Field(min_length=1, max_length=64, pattern=r"^[\w.@+-]+$")]
Mail = Annotated[str, Field(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]


class Credentials(BaseModel):
    """Name and password."""

    username: Name
    password: SecretStr = Field(max_length=LONGEST_PASSWORD)


class Registration(BaseModel):
    """A new account."""

    username: Name
    password: SecretStr = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
    email: Mail


class Registered(BaseModel):
    """The account that was made."""

    userId: UUID  # noqa: N815 - the customer's name
    username: str


class LoggedIn(BaseModel):
    """A token for Authorization: Bearer, and for how many seconds it is good."""

    token: str
    expiresIn: int = Field(description="7200, or less where the login itself ends sooner.")  # noqa: N815


class Me(Registered):
    """Whose token or key this is."""

    email: str
    role: Role


@dataclass(frozen=True, slots=True)
class Desk:
    """What it takes to let people in."""

    database: Engine
    hasher: Hasher
    attempts: Attempts
    signer: Signer
    rights: Rights


@asynccontextmanager
async def opened(settings: Settings, database: Engine, rights: Rights, counters: Counters) -> AsyncIterator[Desk]:
    """For as long as the gateway runs."""
    signer = await asyncio.to_thread(tokens.signer, settings)
    rights.open(database, signer)
    desk = Desk(database, Hasher(), Attempts(counters), signer, rights)
    try:
        yield desk
    finally:
        desk.hasher.close()


def make_admin(database: Engine, password: str | None) -> None:
    """The account of the first, at the first start with a password for it."""
    if password is not None and _named(database, ADMIN) is None:
        _add(database, new(ADMIN, "", passwords.hashed(password), ADMIN), None, None)


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.accounts
    return desk


async def _address(request: Request) -> str:
    return address_of(request.scope)


At = Annotated[Desk, Depends(_desk)]
Address = Annotated[str, Depends(_address)]


async def _registrar(request: Request, desk: At, settings: Knobs) -> UUID | None:
    """The admin who makes an account; nobody where people make their own."""
    caller = await desk.rights.identify(request.scope["headers"])
    if caller is not None and caller.role == ADMIN:
        return caller.id
    if not settings.registers_all:
        raise Problem(403, "registration-closed", "Only an admin makes accounts here. Ask one to add yours.")
    return None


Registrar = Annotated[UUID | None, Depends(_registrar)]


def refuse_weak(password: SecretStr, field: str, settings: Settings) -> None:
    """Raises the 422 for a password in a field of the body that is not good enough here."""
    if why := passwords.weakness(password.get_secret_value(), strict=settings.strict):
        raise refused([{"loc": ("body", field), "type": "password-weak", "msg": why}])


def _strong(asked: Registration, settings: Knobs, number: Makes) -> User:
    """An account that is not stored yet and has no password, whose password is good enough here."""
    refuse_weak(asked.password, "password", settings)
    user = new(asked.username, asked.email, "", settings.newcomer)
    user.id = number
    return user


Wanted = Annotated[User, Depends(_strong)]


@router.post(REGISTER, status_code=201, dependencies=[ONCE], responses=documented(403, 413, 415))
async def register(asked: Registration, user: Wanted, by: Registrar, desk: At, address: Address) -> Registered:
    """A new account; names that differ only in case are one name."""
    async with desk.hasher.turn():
        user.password = await desk.hasher.hashed(asked.password.get_secret_value())
    if user.name_key == ADMIN or not await asyncio.to_thread(_add, desk.database, user, by or user.id, address):
        raise name_taken()
    return Registered(userId=user.id, username=user.name)


@router.post(LOGIN, responses=documented(400, 413, 415, 422, 429))
async def login(asked: Credentials, desk: At, address: Address, response: Response) -> LoggedIn:
    """A token of two hours. A wrong name and a wrong password are one answer, after the same work."""
    account, password = asked.username.casefold(), asked.password.get_secret_value()
    await desk.attempts.check(account, address)  # who is over the limit does not even queue
    async with desk.hasher.turn():
        await desk.attempts.check(account, address)
        user = await asyncio.to_thread(_named, desk.database, account)
        right = await desk.hasher.matches(password, user.password if user else None)
        if user is None or user.disabled_at is not None or not right:
            await desk.attempts.failed(account, address)
            await asyncio.to_thread(_note_failure, desk.database, user.id if user else None, address)
            raise unauthorized("wrong-credentials", "Name or password is wrong. Correct them and send them again.")
        better = await desk.hasher.hashed(password) if passwords.weaker(user.password) else None
    await asyncio.to_thread(_welcome, desk.database, user.id, better, address)
    return fresh(desk.signer.make(user.id, user.generation), response)


@router.post("/api/auth/refresh", dependencies=[at_least("viewer")], responses=documented(403))
async def refresh(caller: Login, desk: At, address: Address, response: Response) -> LoggedIn:
    """A new token for the one that is sent, which ends; until twelve hours after login, then log in again."""
    await _give_back(desk, caller, "token-renewed", address)
    return fresh(desk.signer.make(caller.id, caller.generation, caller.since), response)


@router.post("/api/auth/logout", status_code=204, dependencies=[at_least("viewer")], responses=documented(403))
async def logout(caller: Login, desk: At, address: Address) -> None:
    """The token that is sent ends now."""
    await _give_back(desk, caller, "logout", address)


@router.get("/api/v1/me", dependencies=[at_least("viewer")], responses=documented(403))
async def me(caller: Account, desk: At) -> Me:
    """Whose token or key this is; with a key, the role is the key's."""
    user = await asyncio.to_thread(of_id, desk.database, caller.id)
    return Me(userId=user.id, username=user.name, email=user.email, role=caller.role)


def name_taken() -> Problem:
    """409."""
    return Problem(409, "name-taken", "There is an account of this name. Use another name.")


def fresh(made: tuple[str, int], response: Response) -> LoggedIn:
    """A token for the one who asked, which no cache keeps."""
    response.headers["Cache-Control"] = "no-store"
    return LoggedIn(token=made[0], expiresIn=made[1])


async def _give_back(desk: Desk, caller: Identity, action: str, address: str) -> None:
    if not await asyncio.to_thread(_revoke, desk.database, caller, action, address):
        raise refusal()  # another request was faster
    desk.rights.forget(caller.proof)


def new(name: str, email: str, password: str, role: Role) -> User:
    """An account that is not stored yet; the password is hashed."""
    return User(
        id=uuid4(),
        name=name,
        name_key=name.casefold(),
        email=email,
        role=role,
        password=password,
        created_at=datetime.now(UTC),
        generation=0,
    )


def _add(database: Engine, user: User, by: UUID | None, address: str | None) -> bool:
    try:
        with store.transaction(database) as session:
            session.add(user)
            session.flush()
            audit.append(session, "registered", by, user.id, address)
    except IntegrityError:
        there = _named(database, user.name_key)
        return there is not None and there.id == user.id  # this very request has made it, and was not heard
    return True


def _named(database: Engine, name_key: str) -> User | None:
    with store.transaction(database) as session:
        return session.scalar(select(User).where(User.name_key == name_key))


def of_id(database: Engine, number: UUID) -> User:
    """The account of this id, which is there."""
    with store.transaction(database) as session:
        return session.get_one(User, number)


def _note_failure(database: Engine, user: UUID | None, address: str) -> None:
    with store.transaction(database) as session:
        audit.append(session, "login-refused", None, user, address)


def _welcome(database: Engine, user: UUID, better: str | None, address: str) -> None:
    with store.transaction(database) as session:
        if better is not None:
            session.execute(update(User).where(User.id == user).values(password=better))
        audit.append(session, "login", user, user, address)


def _revoke(database: Engine, caller: Identity, action: str, address: str) -> bool:
    try:
        with store.transaction(database) as session:
            session.execute(delete(RevokedToken).where(RevokedToken.until < datetime.now(UTC)))
            session.add(RevokedToken(jti=caller.proof, until=datetime.fromtimestamp(caller.until, UTC)))
            session.flush()
            audit.append(session, action, caller.id, caller.id, address)
    except IntegrityError:
        return False
    return True
