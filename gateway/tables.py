"""What is kept: accounts, what callers measured, what was asked and answered, and long work."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, DateTime, Double, ForeignKey, Index, LargeBinary, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMBLOB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


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


def table_of(kind: type[Base]) -> Table:
    """The table itself: what it takes and gives are rows, which is faster than objects."""
    return Base.metadata.tables[kind.__tablename__]


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
    stored_csv: Mapped[str | None] = mapped_column(String(255))
    owner: Mapped[str] = mapped_column(String(64), index=True)
    # A task answers once; a history is known by its hash, so that an answer can be traced to what it was made of.
    task_id: Mapped[UUID | None] = mapped_column(ForeignKey("tasks.id"), unique=True)
    history_hash: Mapped[str | None] = mapped_column(String(64))
    series: Mapped[str] = mapped_column(String(32), server_default="power")


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
    generation: Mapped[int] = mapped_column(default=0)  # of logins; one more, and all tokens before it have ended


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


class SetupToken(Base):
    """What makes the first admin: the hash of a token that was shown once."""

    __tablename__ = "setup_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


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
    """A workbook that was taken: whose, into which series, how, and what became of its rows."""

    __tablename__ = "imports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    series: Mapped[str] = mapped_column(String(32), server_default="power")
    file_name: Mapped[str] = mapped_column(String(255))
    mode: Mapped[str] = mapped_column(String(16))
    rows: Mapped[int]
    duplicates: Mapped[int]
    errors: Mapped[int]


class Measurement(Base):
    """One local calendar day of an owner's series: its load, its weather where it is known, the import it came with.

    Of a series other than power ``load`` is the target; the weather is the weather.
    """

    __tablename__ = "power_data"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    series: Mapped[str] = mapped_column(String(32), primary_key=True, server_default="power")
    day: Mapped[date] = mapped_column("date", primary_key=True)
    temperature: Mapped[float | None] = mapped_column(Double)
    humidity: Mapped[float | None] = mapped_column(Double)
    rainfall: Mapped[float | None] = mapped_column(Double)
    load: Mapped[float] = mapped_column(Double)
    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), index=True)


class Task(Base):
    """Long work: this row is the truth, a message only says that there is something to do.

    ``attempt`` counts claims and fences: who holds an older one can change nothing any more.
    """

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_status_due", "status", "due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(16))
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)  # from when it may be claimed; while it runs, the lease's end
    attempt: Mapped[int]
    retries: Mapped[int]  # after errors that may pass
    losses: Mapped[int]  # leases that ended without a word
    progress: Mapped[int]  # percent
    stage: Mapped[str | None] = mapped_column(String(64))
    left_s: Mapped[float | None] = mapped_column(Double)
    cancelled: Mapped[bool]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class TaskStep(Base):
    """A change of a task's status, kept for ever."""

    __tablename__ = "task_steps"

    task_id: Mapped[UUID] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int]
    reason: Mapped[str | None] = mapped_column(String(64))


class Fit(Base):
    """A model fitted on an owner's history, once for each history; ``kept`` says whether it passed its gate."""

    __tablename__ = "fits"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    series: Mapped[str] = mapped_column(String(64), primary_key=True)  # and the region whose holidays count
    history_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    first: Mapped[date]
    last: Mapped[date]
    model_name: Mapped[str] = mapped_column(String(128))
    model_version: Mapped[str | None] = mapped_column(String(128))
    kept: Mapped[bool]
    reason: Mapped[str | None] = mapped_column(String(255))
    scores: Mapped[dict[str, Any]] = mapped_column(JSON)
    card: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float] = mapped_column(Double)


class IdempotencyKey(Base):
    """What was asked under an Idempotency-Key, and what was answered; ``status`` is empty until then.

    ``id`` seals who asked where under which key, ``fingerprint`` what he sent. ``attempt`` fences as a task's does.
    """

    __tablename__ = "idempotency_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    makes: Mapped[UUID]  # the id of what is made, the same for each attempt
    attempt: Mapped[int]
    held_until: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[int | None]
    headers: Mapped[list[list[str]] | None] = mapped_column(JSON(none_as_null=True))
    body: Mapped[bytes | None] = mapped_column(
        LargeBinary().with_variant(MEDIUMBLOB(), "mysql")
    )  # empty where it may not be kept
