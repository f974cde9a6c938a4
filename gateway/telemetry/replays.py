"""Dead letters are taken after all: once the unit is declared, or because somebody wants them however late they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from gateway import store
from gateway.telemetry import letters
from gateway.telemetry.arrivals import Terms, take
from gateway.telemetry.entries import Entries
from gateway.telemetry.letters import REPLAY, Wanted
from gateway.telemetry.records import Arrival, Receipt, Record
from gateway.telemetry.tables import DeadLetter

MOST = 1000


def replay(database: Engine, wanted: Wanted, now: datetime, terms: Terms) -> Receipt:
    """At most a thousand letters at once, the oldest first; those that are refused again stay, with their reason."""
    with store.transaction(database) as session:
        tried = letters.waiting(session, wanted, MOST)
    receipt = take(database, _records(tried), now, replace(terms, late=timedelta.max), REPLAY)
    with store.transaction(database) as session:
        letters.answer(session, [session.merge(letter) for letter in tried], receipt.refused, now)
    return receipt


def _records(tried: Sequence[DeadLetter]) -> list[Arrival]:
    """Line n is the n-th letter. Their events have been seen before, which must not count against them."""
    entries, found = Entries(), list[Arrival]()
    for line, letter in enumerate(tried, 1):
        text = letter.given.get("text")
        several = entries.read_text(line, text) if isinstance(text, str) else entries.read(line, letter.given)
        found += [one._replace(source=None, id=None) if isinstance(one, Record) else one for one in several]
    return found
