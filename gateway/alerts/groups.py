"""Which alert speaks for which: what goes wrong upstream goes wrong below, and one cause is told once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from gateway.alerts.book import Book
from gateway.alerts.lifecycle import LIVE, State
from gateway.alerts.tables import AlertRow


def above(book: Book, row: AlertRow, now: datetime) -> UUID | None:
    """The most urgent alert upstream that is no less urgent than this one, and has nobody to speak for it.

    Of the same unit it is one that the unit's finding still suspects: the model changed its mind.
    """
    higher = reach(book.upstream(), row.unit_id) - {row.unit_id}
    suspects = row.finding.get("suspects", ())
    found = [
        other
        for other in book.standing(higher | {row.unit_id})
        if other.id != row.id
        and other.parent is None
        and _raised(other, now)
        and other.level >= row.level
        and (other.unit_id in higher or other.fault in suspects)
    ]
    best = max(found, key=lambda other: (other.level, -other.created_at.timestamp(), str(other.id)), default=None)
    return best.id if best else None


def _raised(row: AlertRow, now: datetime) -> bool:
    """Or about to be, at this very moment."""
    return row.state in LIVE or (row.state == State.PENDING and row.until is not None and row.until <= now)


def below(book: Book, row: AlertRow) -> list[AlertRow]:
    """Alerts downstream that are no more urgent than this one, and speak for themselves so far."""
    feeds = book.upstream()
    lower = reach(turned(feeds), row.unit_id) - {row.unit_id}
    found = book.standing(lower) if lower else []
    return [other for other in found if other.parent is None and other.level <= row.level and other.state in LIVE]


def reach(feeds: Mapping[str, set[str]], unit_id: str) -> set[str]:
    """All that can be come to from a unit; plants have loops."""
    seen, ahead = {unit_id}, [unit_id]
    while ahead:
        new = feeds.get(ahead.pop(), set()) - seen
        seen |= new
        ahead += new
    return seen


def turned(feeds: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """By unit those that it feeds."""
    found: dict[str, set[str]] = {}
    for unit, sources in feeds.items():
        for source in sources:
            found.setdefault(source, set()).add(unit)
    return found
