"""The connection to the database, its transactions, and files that are written whole."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request
from sqlalchemy import CursorResult, Engine, Update, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gateway import dialects
from gateway.errors import Problem, Unavailable, storage
from gateway.tables import Base

TRIES = 3  # of a transaction that met another one
AT_START_S, FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 0.5, 10.0

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class Conflict(Unavailable):
    """Another transaction was in the way, and the database undid this one: it may be done again at once."""


def connect(url: str, connections: int = dialects.CONNECTIONS) -> Engine:
    """The database's pool; nothing is opened yet. Raises ``ValueError`` where the URL is none of ours."""
    return dialects.engine(url, connections)


def migrate(database: Engine) -> None:
    """Bring the tables to this version; a second run finds nothing to do."""
    from gateway import migrations  # noqa: PLC0415 - Alembic takes half a second; who only reads and writes needs none

    with _understood("The database does not answer."):
        migrations.migrate(database)


@contextmanager
def transaction(database: Engine, detail: str = "The database does not answer.") -> Iterator[Session]:
    """All or nothing, durable when this ends; what was read stays readable afterwards.

    503 where the database cannot do it now, whatever kind it is of.
    """
    with _understood(detail), Session(database, expire_on_commit=False) as session, session.begin():
        yield session


def retried(work: Callable[P, T]) -> Callable[P, T]:
    """Does a transaction again that met another one, up to three times; what it does has to be all inside of it."""

    @functools.wraps(work)
    def doing(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(1, TRIES):
            try:
                return work(*args, **kwargs)
            except Conflict:
                time.sleep(random.uniform(0, 0.05 * tried))  # noqa: S311 - jitter is no secret
        return work(*args, **kwargs)

    return doing


@asynccontextmanager
async def prepared(prepare: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
    """Does what has to be done before anybody asks the database: now, or as soon as it answers.

    The event says when that was. What no waiting can heal, such as the tables of a later version, is raised at once.
    """
    done, tried = asyncio.Event(), asyncio.Event()
    trying = asyncio.create_task(_sooner_or_later(prepare, done, tried))
    first = asyncio.create_task(tried.wait())
    try:
        await asyncio.wait((trying, first), timeout=AT_START_S, return_when=asyncio.FIRST_COMPLETED)
        if trying.done():
            trying.result()
        yield done
    finally:
        for task in (trying, first):
            task.cancel()
        await asyncio.gather(trying, first, return_exceptions=True)


def changed(session: Session, which: Update, **values: object) -> bool:
    """Whether the row was as ``which`` wants it; the database decides between two who ask at once."""
    done = session.execute(which.values(**values).execution_options(synchronize_session=False))
    return isinstance(done, CursorResult) and done.rowcount == 1


@retried
def keep(database: Engine, row: Base) -> None:
    """One row, durable when this returns."""
    with transaction(database, "The answer could not be stored.") as session:
        session.add(row)


def reachable(database: Engine) -> bool:
    """Whether the database answers."""
    try:
        with database.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except (SQLAlchemyError, Unavailable):
        return False


def write_whole(path: Path, content: str) -> None:
    """Whole or not at all, whatever stops in between: a reader never sees half a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as part:
        try:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


@contextmanager
def _understood(detail: str) -> Iterator[None]:
    """What a database says, in our words."""
    try:
        yield
    except SQLAlchemyError as wrong:
        match dialects.meaning(wrong):
            case "conflict":
                raise Conflict("database-busy", "Others were changing the same rows.") from None
            case "busy":
                raise Unavailable("database-busy", "Others are changing the same rows.") from None
            case "full" | "read-only" as why:
                raise storage(why) from None
            case "away":
                log.warning("The database: %s", wrong.__cause__ or wrong)
                raise Unavailable("database-unavailable", detail) from None
        raise


async def _sooner_or_later(prepare: Callable[[], None], done: asyncio.Event, tried: asyncio.Event) -> None:
    wait_s = FIRST_WAIT_S
    while not done.is_set():
        try:
            await asyncio.to_thread(prepare)
            done.set()
        except Problem as why:
            log.error("The database is not ready: %s", why.detail)
        except Exception as wrong:
            log.error("The tables of the database cannot be brought to this version: %s", wrong)
            raise
        tried.set()
        if not done.is_set():
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.database
    return engine


Database = Annotated[Engine, Depends(_engine)]


async def _prepared(request: Request) -> asyncio.Event:
    event: asyncio.Event = request.app.state.prepared
    return event


Prepared = Annotated[asyncio.Event, Depends(_prepared)]
