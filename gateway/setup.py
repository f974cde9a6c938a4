"""The first admin, where no password for it is in the environment: made once, with a token that was shown once.

A gateway that starts on a terminal shows such a token there. Elsewhere what it writes is a log, which is kept, so that
it shows none: `python -m gateway.setup` does, to whoever may read the database.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import TextIO

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import Engine, delete, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway import accounts, audit, rights, store
from gateway.accounts import ADMIN, Address, At, Name, Registered
from gateway.auth import SETUP
from gateway.bodies import JsonRoute
from gateway.errors import Problem, documented
from gateway.settings import LONGEST_PASSWORD, SHORTEST_PASSWORD, Settings, complaints
from gateway.tables import SetupToken, User

LASTS = timedelta(days=1)
SHOWN = """
There is no admin yet. This makes one, once, within a day; choose a password:

  curl -s http://{host}:{port}{path} -H 'Content-Type: application/json' \\
    -d '{{"token": "{token}", "password": "…"}}'

"""

log = logging.getLogger(__name__)
router = APIRouter(route_class=JsonRoute, tags=["accounts"])


class FirstAdmin(BaseModel):
    """The token, and what the admin is called and shows."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr = Field(max_length=256)
    username: Name = ADMIN
    password: SecretStr = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)


@router.post(SETUP, status_code=201, responses=documented(400, 403, 409, 413, 415, 422, 500, 503))
async def make(asked: FirstAdmin, desk: At, address: Address) -> Registered:
    """The first admin."""
    shown = rights.digest(asked.token.get_secret_value().encode())
    await asyncio.to_thread(_check, desk.database, shown)  # who has none costs no hashing
    async with desk.hasher.turn():
        password = await desk.hasher.hashed(asked.password.get_secret_value())
    user = accounts.new(asked.username, "", password, ADMIN)
    await asyncio.to_thread(_use, desk.database, shown, user, address)
    return Registered(userId=user.id, username=user.name)


def show(settings: Settings, database: Engine, terminal: TextIO) -> bool:
    """Writes there how to make the first admin, where there is none; says whether it did."""
    token = _token(database)
    if token is None:
        return False
    terminal.write(SHOWN.format(host=settings.host, port=settings.port, path=SETUP, token=token))
    terminal.flush()
    return True


def greet(settings: Settings, database: Engine) -> None:
    """At a gateway's start."""
    if sys.stderr.isatty():
        show(settings, database, sys.stderr)
        return
    with store.transaction(database) as session:
        if not _has_admin(session):
            log.info("There is no admin. `python -m gateway.setup` shows how to make one.")


def _has_admin(session: Session) -> bool:
    return bool(session.scalar(select(exists().where(User.role == ADMIN, User.disabled_at.is_(None)))))


def _token(database: Engine) -> str | None:
    """A new one, beside those that were shown before; nothing where there is an admin."""
    now, token = datetime.now(UTC), secrets.token_urlsafe(32)
    with store.transaction(database) as session:
        if _has_admin(session):
            return None
        session.execute(delete(SetupToken).where(SetupToken.expires_at < now))
        session.add(SetupToken(digest=rights.digest(token.encode()), expires_at=now + LASTS))
    return token


def _check(database: Engine, shown: str) -> None:
    with store.transaction(database) as session:
        _judge(session, shown)


def _judge(session: Session, shown: str) -> None:
    good = exists().where(SetupToken.digest == shown, SetupToken.expires_at > datetime.now(UTC))
    if _has_admin(session) or not session.scalar(select(good)):
        detail = (
            "This token is not good, or no longer. Ask `python -m gateway.setup` for another, while there is no admin."
        )
        raise Problem(403, "setup-refused", detail)


def _use(database: Engine, shown: str, user: User, address: str) -> None:
    try:
        with store.transaction(database) as session:
            audit.append(session, "first-admin", user.id, user.id, address)  # first: of two at once one succeeds
            _judge(session, shown)
            session.add(user)
            session.execute(delete(SetupToken))
    except IntegrityError:
        raise accounts.name_taken() from None


def main() -> int:
    """0 where a token was shown, 1 where there is an admin, 2 for a bad configuration."""
    try:
        settings = Settings()
    except ValidationError as wrong:
        sys.stderr.write(complaints(wrong))
        return 2
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = store.connect(settings.database)
    store.migrate(database)
    shown = show(settings, database, sys.stdout)
    database.dispose()
    if not shown:
        sys.stderr.write("There is an admin already.\n")
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main())
