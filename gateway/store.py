"""Tables and the connection: what was asked and answered, in the database and as files beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from alembic import command
from alembic.config import Config
from fastapi import Depends, Request
from sqlalchemy import JSON, DateTime, Double, Engine, ForeignKey, String, create_engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from gateway.errors import Unavailable

BUSY_TIMEOUT_MS = 5_000


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment; databases without zones keep it in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of this house every moment goes as UTC."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """So what comes back is UTC."""
        return value and value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables."""


class Forecast(Base):
    """A question that was answered: which, by which model, with what, and where the CSV lies."""

    __tablename__ = "forecasts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    request_hash: Mapped[str] = mapped_column(String(64), index=True)
    model_name: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str] = mapped_column(String(128))
    model_type: Mapped[str] = mapped_column(String(64))
    weather: Mapped[str] = mapped_column(String(16))
    origin: Mapped[date]
    year: Mapped[int]
    month: Mapped[int]
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    stored_csv: Mapped[str] = mapped_column(String(255))


class User(Base):
    """Who has an account. ``name_key`` is the name with all case gone, so that Ada and ADA are one."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(192), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str] = mapped_column(String(255))  # algorithm, iterations, salt and hash
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Key(Base):
    """A machine's key: the hash of what was shown once, and how it begins."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    prefix: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RevokedToken(Base):
    """A token that was given back, kept until it would have ended anyway."""

    __tablename__ = "revoked_tokens"

    jti: Mapped[str] = mapped_column(String(32), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AuditEntry(Base):
    """What somebody did; ``hash`` covers the entry and the hash before it."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The one row that says where the chain ends; who appends holds it."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class Import(Base):
    """A workbook that was taken: whose, how, and what became of its rows."""

    __tablename__ = "imports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    file_name: Mapped[str] = mapped_column(String(255))
    mode: Mapped[str] = mapped_column(String(16))
    rows: Mapped[int]
    duplicates: Mapped[int]
    errors: Mapped[int]


class Measurement(Base):
    """One local calendar day of an owner: its load, its weather where it is known, and the import it came with."""

    __tablename__ = "power_data"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column("date", primary_key=True)
    temperature: Mapped[float | None] = mapped_column(Double)
    humidity: Mapped[float | None] = mapped_column(Double)
    rainfall: Mapped[float | None] = mapped_column(Double)
    load: Mapped[float] = mapped_column(Double)
    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), index=True)


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
