"""The connection to the database, its transactions, and files that are written whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from alembic import command
from alembic.config import Config
from fastapi import Depends, Request
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from gateway.errors import Unavailable
from gateway.tables import Base

BUSY_TIMEOUT_MS = 5_000


def connect(url: str) -> Engine:
    """The database's pool; nothing is opened yet."""
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)  # an error would show hashes
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _as_a_server_would)
    return engine


def migrate(database: Engine) -> None:
    """Bring the tables to this version; a second run finds nothing to do."""
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    with database.begin() as connection:
        if database.dialect.name == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))  # two gateways may start at once: one waits
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def transaction(database: Engine, detail: str = "The database does not answer.") -> Iterator[Session]:
    """All or nothing, durable when this ends; what was read stays readable afterwards."""
    try:
        with Session(database, expire_on_commit=False) as session, session.begin():
            yield session
    except OperationalError:
        raise Unavailable("database-unavailable", detail) from None


def keep(database: Engine, row: Base) -> None:
    """One row, durable when this returns."""
    with transaction(database, "The answer could not be stored.") as session:
        session.add(row)


def reachable(database: Engine) -> bool:
    """Whether the database answers."""
    try:
        with database.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1
    except SQLAlchemyError:
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


def _as_a_server_would(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
    """Readers beside a writer, waiting instead of failing, and references that hold."""
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _engine(request: Request) -> Engine:
    engine: Engine = request.app.state.database
    return engine


Database = Annotated[Engine, Depends(_engine)]
