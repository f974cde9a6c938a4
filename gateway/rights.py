"""Who a caller is, by what his headers show: the key that is the same for all, a login token or a machine's key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Engine, exists, select, update
from starlette.types import Scope

from gateway import store
from gateway.errors import Unavailable
from gateway.messages import KEY_HEADERS
from gateway.settings import Settings
from gateway.tables import Key, RevokedToken, User
from gateway.tokens import Signer, Token

Role = Literal["viewer", "operator", "expert", "engineer", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "expert", "engineer", "admin")  # each may what those before it may
ASKS: Role = "operator"  # for predictions; as the route of inferences says

BEARER = b"bearer "
KEY_MARK = b"fw_"  # how a machine's key begins
REMEMBERED_S = 5.0  # after which the database is asked again
KEPT = 1024  # credentials; one more, and they are asked about anew
USED_S = 60  # a key's last use is written no more often


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. Without an account, as with the key of all or this machine's own, the id is `NOBODY`."""

    id: UUID
    name: str
    role: Role
    shown: Literal["nothing", "static key", "token", "key"]
    proof: str = ""  # the token's jti or the key's id
    until: float = math.inf  # when the proof ends, in seconds since 1970
    since: float = 0.0  # when a token's password was typed
    generation: int = 0  # of a token's user

    def may(self, wanted: Role) -> bool:
        """Whether the role is this one or above it."""
        return ROLES.index(self.role) >= ROLES.index(wanted)


NOBODY = UUID(int=0)
ANONYMOUS = Identity(NOBODY, "anonymous", "engineer", "nothing")
KEYHOLDER = Identity(NOBODY, "key", "engineer", "static key")


class Rights:
    """Decides for each distinct credential and remembers for some seconds whom it admits."""

    def __init__(self, settings: Settings) -> None:
        self.anonymous = settings.open_to_all
        self._key = _digest(settings.key.encode()) if settings.key else None
        self._admitted: dict[bytes, tuple[float, Identity]] = {}
        self._forgotten = 0

    def open(self, database: Engine, signer: Signer) -> None:
        """From now on accounts count too."""
        self._database, self._signer = database, signer

    def admits(self, credentials: tuple[bytes, ...]) -> bool:
        """Whether one of them is known to admit to predictions, without waiting; others may still turn out to."""
        if self.anonymous:
            return True
        found = next(filter(None, map(self._recall, credentials)), None)
        return found is not None and found.may(ASKS)

    async def identify(self, headers: Iterable[tuple[bytes, bytes]]) -> Identity | None:
        """The first that these (names in lower case) prove; nothing for who may not ask. 503 without a database."""
        for credential in offered(headers):
            if found := self._recall(credential) or await self._decide(credential):
                return found
        return ANONYMOUS if self.anonymous else None

    def forget(self, proof: str) -> None:
        """A token or key that was given back admits nobody from here on, nor does a look-up that is under way."""
        self._forgotten += 1
        self._admitted = {key: kept for key, kept in self._admitted.items() if kept[1].proof != proof}

    def forget_all_of(self, user: UUID) -> None:
        """The same for whatever this user shows; what still holds is asked about anew."""
        self._forgotten += 1
        self._admitted = {key: kept for key, kept in self._admitted.items() if kept[1].id != user}

    def _recall(self, credential: bytes) -> Identity | None:
        kept = self._admitted.get(credential)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        # How long this takes tells nothing about the key.
        if self._key is not None and hmac.compare_digest(_digest(credential), self._key):
            return self._remember(credential, KEYHOLDER)
        return None

    async def _decide(self, credential: bytes) -> Identity | None:
        forgotten = self._forgotten
        if credential.startswith(KEY_MARK):
            found = await asyncio.to_thread(_by_key, self._database, credential)
        elif token := self._signer.read(credential):
            found = await asyncio.to_thread(_by_token, self._database, token)
        else:
            return None
        return self._remember(credential, found) if found and forgotten == self._forgotten else found

    def _remember(self, credential: bytes, found: Identity) -> Identity:
        if len(self._admitted) >= KEPT:
            self._admitted.clear()
        self._admitted[credential] = time.monotonic() + min(REMEMBERED_S, found.until - time.time()), found
        return found


def offered(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """What these headers show, without the word Bearer."""
    return [_credential(name, value) for name, value in headers if name in KEY_HEADERS]


def address_of(scope: Scope) -> str:
    """Where a request comes from; what a proxy's header says instead of an address is nobody's."""
    host, _ = scope.get("client") or ("", 0)
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return "unknown"


def digest(key: bytes) -> str:
    """What is stored of a machine's key; it is random, so that one round is enough."""
    return _digest(key).hex()


def least(one: Role, other: Role) -> Role:
    """The role of the two that may less."""
    return min(one, other, key=ROLES.index)


def _by_token(database: Engine, token: Token) -> Identity | None:
    revoked = exists().where(RevokedToken.jti == token.jti)
    wanted = select(User).where(User.id == token.user, User.id != NOBODY, User.disabled_at.is_(None), ~revoked)
    with store.transaction(database) as session:
        user = session.scalar(wanted.where(User.generation == token.generation))
    if user is None:
        return None
    role = _role(user.role)
    return Identity(user.id, user.name, role, "token", token.jti, token.until, token.since, token.generation)


def _by_key(database: Engine, credential: bytes) -> Identity | None:
    now = datetime.now(UTC)
    wanted = select(Key, User).join(User, User.id == Key.owner).where(Key.digest == digest(credential))
    with store.transaction(database) as session:
        found = session.execute(wanted).one_or_none()
    if found is None:
        return None
    key, owner = found
    if key.revoked_at or owner.disabled_at or (key.expires_at and key.expires_at <= now):
        return None
    if key.last_used_at is None or now - key.last_used_at > timedelta(seconds=USED_S):
        _note_use(database, key.id, now)
    until = key.expires_at.timestamp() if key.expires_at else math.inf
    return Identity(owner.id, owner.name, least(_role(key.role), _role(owner.role)), "key", str(key.id), until)


def _note_use(database: Engine, key: UUID, now: datetime) -> None:
    with suppress(Unavailable), store.transaction(database) as session:  # nobody is refused where this cannot be noted
        session.execute(update(Key).where(Key.id == key).values(last_used_at=now))


def _role(stored: str) -> Role:
    return next(role for role in ROLES if role == stored)


def _credential(name: bytes, value: bytes) -> bytes:
    bearer = name == b"authorization" and value[: len(BEARER)].lower() == BEARER
    return value[len(BEARER) :].strip() if bearer else value


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
