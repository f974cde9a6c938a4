"""Few calls at a time: what comes beyond is gathered for a minute and told as one summary (flood mode of EEMUA 191)."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.alerts import notices
from gateway.alerts.book import Book
from gateway.alerts.lifecycle import Call
from gateway.alerts.rules import Policy
from gateway.alerts.tables import INSTALLATION, AlertRow, KnownBy

CRITICAL = 4


def tell(book: Book, row: AlertRow, call: Call, now: datetime) -> None:
    """Now, or with others in a summary."""
    policy = book.in_force(row.about, row.unit_id, row.fault).policy
    row.calls += 1
    if call.kind == "cleared":
        _tell_end(book, row, call, policy, now)
    elif _has_room(book, call, policy, now):
        row.held_at, row.known_by = None, "call"
        book.tell(notices.of(row, call, book.called(row.unit_id), policy, now))
    else:
        row.held_at, row.held_kind = row.held_at or now, call.kind


def due_at(book: Book) -> datetime | None:
    """When what is held is told: a minute after the first, and not too soon after the last summary."""
    since = book.held_since()
    if since is None:
        return None
    policy, last = _policy(book), book.last_summary()
    gathered = since + timedelta(seconds=policy.gather_s)
    return max(gathered, last[0] + timedelta(seconds=policy.window_s)) if last else gathered


def summarise(book: Book, now: datetime) -> None:
    """All that is held, if its time has come; one alone is told as it is."""
    due = due_at(book)
    if due is None or due > now:
        return
    held = book.held()
    if len(held) == 1:
        row = held[0]
        call = Call(row.held_kind or "raised", row.level, row.step)
        book.tell(notices.of(row, call, book.called(row.unit_id), _policy(book), now))
    else:
        names = {row.unit_id: book.called(row.unit_id)[0] or row.unit_id for row in held}
        book.tell(notices.summary(held, names, now))
    for row in held:
        told: KnownBy = "call" if len(held) == 1 else "summary"
        row.held_at, row.known_by = None, row.known_by or told


def _tell_end(book: Book, row: AlertRow, call: Call, policy: Policy, now: datetime) -> None:
    """To those who were told that it stands; of what summaries told, the last one is told to the lights."""
    known_by, row.held_at, row.known_by = row.known_by, None, None
    if known_by == "call":
        book.tell(notices.of(row, call, book.called(row.unit_id), policy, now))
    elif known_by == "summary" and not book.summarised():
        last = book.last_summary()
        book.tell(notices.calm(max(call.level, last[1] if last else 0), now))


def _has_room(book: Book, call: Call, policy: Policy, now: datetime) -> bool:
    """One place more is kept for what is critical, also in a flood of what is not."""
    begin, last = now - timedelta(seconds=policy.window_s), book.last_summary()
    told, critical = book.told(begin), call.level >= CRITICAL
    if last is None or last[0] < begin:
        return len(told) < policy.singles + critical
    return critical and CRITICAL not in {last[1], *told}


def _policy(book: Book) -> Policy:
    return book.in_force("silence", INSTALLATION, None).policy
