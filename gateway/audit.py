"""What was done to accounts and keys, by whom: a log that only grows, each entry sealing the one before it.

It names users and keys by their ids and holds no word that a caller made up, which could be a password.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from gateway import store
from gateway.tables import AuditEntry, AuditHead

START = "0" * 64


def append(
    session: Session, action: str, actor: UUID | None, subject: UUID | str | None = None, address: str | None = None
) -> None:
    """One entry, in the transaction of what it tells; others who append wait for its end."""
    session.execute(update(AuditHead).values(number=AuditHead.number + 1))  # from here on it is ours
    number, before = session.execute(select(AuditHead.number, AuditHead.hash)).one()
    entry = AuditEntry(
        number=number,
        at=datetime.now(UTC).replace(microsecond=0),  # some databases keep no more
        actor=actor,
        action=action,
        subject=str(subject) if subject else None,
        address=address,
    )
    entry.hash = _seal(before, entry)
    session.add(entry)
    session.execute(update(AuditHead).values(hash=entry.hash))


def broken_at(database: Engine) -> int | None:
    """The number of the first entry that is not what was written, or that is missing; nothing where all hold."""
    head = select(AuditHead.number, AuditHead.hash)
    with store.transaction(database) as session:
        end = session.execute(head).one_or_none()  # first: others may append meanwhile
        before, number = START, 0
        reached = end == (number, before)
        in_order = select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=1000)
        with closing(session.scalars(in_order)) as entries:
            for entry in entries:
                number += 1
                if entry.number != number or entry.hash != _seal(before, entry):
                    return number
                before = entry.hash
                reached = reached or end == (number, before)
        last = session.scalar(select(AuditHead.number)) or 0
        return None if reached and number <= last else number + 1


def _seal(before: str, entry: AuditEntry) -> str:
    said = [before, entry.number, entry.at.isoformat(), str(entry.actor), entry.action, entry.subject, entry.address]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
