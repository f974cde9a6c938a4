"""Events are taken once: a sender, or a broker, that sends one again is told so by its source and id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.tables import table_of
from gateway.telemetry.records import Record
from gateway.telemetry.tables import Event
from gateway.upserts import in_parts, insert_new

EVENTS = table_of(Event)


class Events:
    """Those that some records came in. Records of one event stand on one line."""

    def __init__(self, session: Session, records: Sequence[Record]) -> None:
        self._session = session
        self._lines: dict[tuple[str, str], int] = {}
        for record in records:
            if record.source is not None and record.id is not None:
                self._lines.setdefault((record.source, record.id), record.line)
        self._seals = {event: _seal(*event) for event in self._lines}
        seals = list(self._seals.values())
        self._taken: set[str] = set()
        for some in in_parts(seals):
            self._taken.update(session.scalars(select(EVENTS.c.seal).where(EVENTS.c.seal.in_(some))))

    def is_new(self, record: Record) -> bool:
        """Whether its event comes for the first time, here and ever."""
        if record.source is None or record.id is None:
            return True
        event = (record.source, record.id)
        return self._lines[event] == record.line and self._seals[event] not in self._taken

    def keep(self, now: datetime) -> None:
        """From now on these have been taken."""
        rows = [{"seal": seal, "at": now} for seal in self._seals.values() if seal not in self._taken]
        insert_new(self._session, EVENTS, rows)


def _seal(source: str, number: str) -> str:
    return blake2b(f"{source}\n{number}".encode(), digest_size=16).hexdigest()
