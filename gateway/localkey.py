"""The key of this machine: who may read the data folder may ask, without an account.

`$FOREWATT_DATA/local.key` holds a key of one day, readable by its owner alone. Its rows are those of all who have no
account. While a gateway runs, the file's key is good for half a day or longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, select

from gateway import audit, keys, store
from gateway.errors import Problem
from gateway.rights import NOBODY, Role, digest
from gateway.settings import Settings
from gateway.tables import Key

NAME = "local.key"
ROLE: Role = "engineer"  # all but accounts and other people's rows
LASTS = timedelta(days=1)
LOOKED_AT_S = 1800.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def kept(settings: Settings, database: Engine) -> AsyncIterator[None]:
    """For as long as the gateway runs."""
    renewing = asyncio.create_task(_again_and_again(settings.data / NAME, database)) if settings.keeps_key else None
    try:
        yield
    finally:
        if renewing is not None:
            renewing.cancel()


def begin(settings: Settings, database: Engine) -> None:
    """At a gateway's start: the file is there, or is not where there is to be none."""
    (renew if settings.keeps_key else withdraw)(settings.data / NAME, database)


def renew(path: Path, database: Engine) -> None:
    """A new key, unless the one there is good for half a day more; keys that have ended go."""
    now, there = datetime.now(UTC), _digest_of(path)
    with store.transaction(database) as session:
        good = select(Key.id).where(Key.owner == NOBODY, Key.digest == there, Key.revoked_at.is_(None))
        if session.scalar(good.where(Key.expires_at > now + LASTS / 2)):
            return
        key, secret = keys.new(NOBODY, NAME, ROLE, LASTS)
        session.execute(delete(Key).where(Key.owner == NOBODY, Key.expires_at < now))
        session.add(key)
        session.flush()
        audit.append(session, "key-made", NOBODY, key.id)
    store.write_whole(path, secret + "\n")


def withdraw(path: Path, database: Engine) -> None:
    """No such key: the one that an earlier start wrote ends."""
    with store.transaction(database) as session:
        session.execute(delete(Key).where(Key.owner == NOBODY, Key.digest == _digest_of(path)))
    path.unlink(missing_ok=True)


async def _again_and_again(path: Path, database: Engine) -> None:
    while True:
        await asyncio.sleep(LOOKED_AT_S)
        try:
            await asyncio.to_thread(renew, path, database)
        except (Problem, OSError) as failure:
            log.warning("%s could not be renewed: %s", path, failure)


def _digest_of(path: Path) -> str:
    return digest(path.read_bytes().strip()) if path.exists() else ""
