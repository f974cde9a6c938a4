"""Idempotency-Keys, told by rows: taken by one request, answered, and the answer given again for a day.

Rows know keys and payloads by their seals alone, since a payload may hold a password.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Engine, delete, update
from sqlalchemy.exc import IntegrityError

from gateway import store
from gateway.errors import Meanwhile, Problem
from gateway.tables import IdempotencyKey

LASTS_H = 24
LEASE_S = 20.0
BEAT_S = 5.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer, as long as it is heard of; ``makes`` is the id of what the request makes, if anything."""

    id: str
    attempt: int
    makes: UUID


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered; without a body where it may not be kept."""

    status: int
    headers: list[list[str]]
    body: bytes | None


def claim(database: Engine, number: str, fingerprint: str) -> Claim | Answered:
    """For one of those who ask at the same time; the others get 409, and 422 who asks for something else."""
    for _ in range(TRIES):
        if first := _first(database, number, fingerprint):
            return first
        with store.transaction(database) as session:
            found = session.get(IdempotencyKey, number)
        if found is not None and found.expires_at > datetime.now(UTC):
            return _again(database, found, fingerprint)
        if found is not None:
            sweep(database)
    raise _in_use()


def beat(database: Engine, held: Claim) -> None:
    """Still at work."""
    _set(database, held, held_until=datetime.now(UTC) + timedelta(seconds=LEASE_S))


def keep(database: Engine, held: Claim, answer: Answered) -> None:
    """For whoever asks again; nothing happens where the claim has gone to another."""
    _set(database, held, status=answer.status, headers=answer.headers, body=answer.body)


def give_back(database: Engine, held: Claim) -> None:
    """Nothing was done: the next request under this key is the first."""
    with store.transaction(database) as session:
        session.execute(delete(IdempotencyKey).where(*_unanswered(held)))


def sweep(database: Engine) -> None:
    """Forget what is older than a day."""
    with store.transaction(database) as session:
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at <= datetime.now(UTC)))


def _first(database: Engine, number: str, fingerprint: str) -> Claim | None:
    now, makes = datetime.now(UTC), uuid4()
    row = IdempotencyKey(
        id=number,
        fingerprint=fingerprint,
        makes=makes,
        attempt=1,
        held_until=now + timedelta(seconds=LEASE_S),
        expires_at=now + timedelta(hours=LASTS_H),
    )
    try:
        with store.transaction(database) as session:
            session.add(row)
    except IntegrityError:
        return None
    return Claim(number, 1, makes)


def _again(database: Engine, found: IdempotencyKey, fingerprint: str) -> Claim | Answered:
    if found.fingerprint != fingerprint:
        raise _reused()
    if found.status is not None:
        return Answered(found.status, found.headers or [], found.body)
    now = datetime.now(UTC)
    silent = Claim(found.id, found.attempt, found.makes)
    if found.held_until > now or not _set(
        database, silent, attempt=silent.attempt + 1, held_until=now + timedelta(seconds=LEASE_S)
    ):
        raise _in_use()
    return replace(silent, attempt=silent.attempt + 1)


def _set(database: Engine, held: Claim, **values: object) -> bool:
    with store.transaction(database) as session:
        return store.changed(session, update(IdempotencyKey).where(*_unanswered(held)), **values)


def _unanswered(held: Claim) -> list[ColumnElement[bool]]:
    row = IdempotencyKey
    return [row.id == held.id, row.attempt == held.attempt, row.status.is_(None)]


def _reused() -> Problem:
    detail = "Under this Idempotency-Key something else was asked. Use a new one for each new request."
    return Problem(422, "idempotency-key-reused", detail)


def _in_use() -> Problem:
    detail = "The first request under this Idempotency-Key is still being answered."
    return Meanwhile("idempotency-key-in-use", detail)
