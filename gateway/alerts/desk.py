"""What findings, time and people do to all alerts: keys, grouping by what feeds what, silence, and one call at a time.

The book is rows in a transaction, or memory: the past is replayed by these very functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from gateway.alerts import flood, groups, machine
from gateway.alerts.book import Book
from gateway.alerts.findings import Finding
from gateway.alerts.lifecycle import ENDED, LIVE, Alert, Event, Group, Leave, Said, State, Tick
from gateway.alerts.rules import InForce, said
from gateway.alerts.tables import INSTALLATION, About, AlertRow, AlertStep
from gateway.channels.notice import id_of

SILENCE_LEVEL = 3
FEWEST_TOGETHER = 2  # silent units that may be silent for one reason

Alerts = dict[str | None, AlertRow]  # of a unit, by fault


@dataclass(frozen=True, slots=True)
class By:
    """Who does something, and why; nobody where time or a finding does."""

    id: UUID | None = None
    name: str | None = None
    note: str | None = None


NOBODY = By()


def observe(book: Book, finding: Finding, now: datetime) -> None:
    """What a prediction says, about the fault that it names and all that stand for this unit."""
    rows: Alerts = {row.fault: row for row in book.newest(finding.unit_id) if row.about == "fault"}
    away = bool(rows or finding.level) and book.away(finding.unit_id, now)
    rows = _named(book, rows, finding.fault, now)
    known = finding.fault is None and any(fault and row.state not in ENDED for fault, row in rows.items())
    for fault in dict.fromkeys(rows if known else (finding.fault, *rows)):  # no second alert for want of a name
        row, force = rows.get(fault), book.in_force("fault", finding.unit_id, fault)
        heard = said(finding, fault, force.threshold)
        if row is None or machine.fresh(row.alert, heard, now, force.rules):
            if heard.zone == "above" and not away:
                _begin(book, ("fault", finding.unit_id, fault), heard.level, finding.shown(), now)
        elif row.state not in ENDED or row.state == State.CLOSED or (heard.zone == "above" and not away):
            if heard.zone == "above":
                row.finding = finding.shown()
            apply(book, row, heard, now)
            _outgrow(book, row, now)


def _named(book: Book, rows: Alerts, fault: str | None, now: datetime) -> Alerts:
    """The alerts of a unit; one that stood without a fault's name has it from now on, so that nobody is told twice."""
    unnamed, before = rows.get(None), rows.get(fault)
    if fault is None or unnamed is None or unnamed.state in ENDED or (before and before.state != State.CLEARED):
        return rows
    if before:
        before.slot = None
    book.name(unnamed, fault, _slot("fault", unnamed.unit_id, fault))
    _note(book, unnamed, State(unnamed.state), now, By(note=f"named {fault}"))
    del rows[None]
    return rows | {fault: unnamed}


def tick(book: Book, now: datetime) -> datetime | None:
    """All that is due, and when the next is."""
    for row in book.due(now):
        run(book, row, now)
    flood.summarise(book, now)
    times = (book.next_due(), flood.due_at(book))
    return min((moment for moment in times if moment), default=None)


def silence(book: Book, unit_id: str, what: str, since: datetime, now: datetime) -> None:
    """Nothing is heard of a unit, or by its empty id of all; said once or as often as it is looked at."""
    row, force = _silence_of(book, unit_id, what), book.in_force("silence", unit_id, what)
    heard = Said("above", SILENCE_LEVEL)
    if row is not None and not machine.fresh(row.alert, heard, now, force.rules):
        if row.state not in ENDED or not book.away(unit_id, now):
            apply(book, row, heard, now)
    elif not book.away(unit_id, now):
        _begin(book, ("silence", unit_id, what), SILENCE_LEVEL, {"since": since.isoformat()}, now)


def heard(book: Book, unit_id: str, what: str, now: datetime) -> None:
    """Something is heard again; said once or as often as it is looked at."""
    row = _silence_of(book, unit_id, what)
    if row is not None and row.state not in ENDED:
        apply(book, row, Said("below", SILENCE_LEVEL), now)
    everything = _silence_of(book, INSTALLATION, what)
    if everything is not None and everything.state in LIVE and not _together(book, what):
        apply(book, everything, Said("below", SILENCE_LEVEL), now)


def leave(book: Book, unit_id: str, until: datetime, now: datetime, by: By) -> None:
    """The unit is out of service until then, or in service again where that has passed."""
    wanted = {State.OUT_OF_SERVICE} if until <= now else LIVE | {State.PENDING}
    for row in book.newest(unit_id):
        if row.state in wanted:
            apply(book, row, Leave(until), now, by)


def remark(book: Book, row: AlertRow, now: datetime, by: By) -> None:
    """Something about the alert changed that is no matter of its state."""
    _note(book, row, State(row.state), now, by)


def apply(book: Book, row: AlertRow, event: Event, now: datetime, by: By = NOBODY) -> None:
    """One thing that happens, and what is due at once because of it. Raises ``IllegalError``."""
    _step(book, row, event, now, by)
    run(book, row, now)


def run(book: Book, row: AlertRow, now: datetime) -> None:
    """Whatever of this alert is due."""
    while row.due_at is not None and row.due_at <= now:
        if row.state == State.PENDING:
            row.alert = replace(row.alert, parent=_stands_for(book, row, now))
        _step(book, row, Tick(), now, NOBODY)


def _begin(
    book: Book, key: tuple[About, str, str | None], level: int, finding: dict[str, object], now: datetime
) -> None:
    """A new alert; the one before it on its key is history."""
    about, unit_id, fault = key
    slot = _slot(*key)
    before = next((row for row in book.newest(unit_id) if row.slot == slot), None)
    force = book.in_force(about, unit_id, fault)
    if before is not None:
        before.slot = None
    alert = machine.begin(level, now, force.rules, before.alert if before else None)
    row = AlertRow(
        id=id_of(slot, now.isoformat()),
        about=about,
        unit_id=unit_id,
        fault=fault,
        slot=slot,
        created_at=now,
        held_at=None,
        known_by=None,
        calls=0,
        steps=0,
        finding=finding,
        threshold_version=force.threshold_version,
        policy_version=force.policy_version,
    )
    row.alert = alert
    book.add(row)
    _note(book, row, None, now, NOBODY)
    run(book, row, now)


def _slot(about: About, unit_id: str, fault: str | None) -> str:
    return "\x1f".join((about, unit_id, fault or ""))


def _step(book: Book, row: AlertRow, event: Event, now: datetime, by: By) -> None:
    force, before = book.in_force(row.about, row.unit_id, row.fault), row.alert
    after, call = machine.step(before, event, now, force.rules)
    row.alert = after
    if after.level > before.level and after.state in LIVE and by is NOBODY:
        by = By(note=f"level {before.level} to {after.level}")
    if after.state != before.state or by is not NOBODY:
        _stamp(row, force)
        _note(book, row, before.state, now, by)
    if call is not None:
        flood.tell(book, row, call, now)
    _follow(book, row, before, after, now)


def _follow(book: Book, row: AlertRow, before: Alert, after: Alert, now: datetime) -> None:
    """What this change means for alerts that stand above or below."""
    if after.state in ENDED and before.state not in ENDED:
        for other in book.grouped(row.id):
            apply(book, other, Group(_stands_for(book, other, now), _grace(book, other)), now)
    elif after.state == State.ACTIVE and before.state in {State.PENDING, State.SHELVED} and after.parent is None:
        for other in groups.below(book, row):
            apply(book, other, Group(row.id), now, By(note=f"stands under {row.unit_id}"))


def _grace(book: Book, row: AlertRow) -> timedelta:
    """In which what had the same cause may end with it."""
    force = book.in_force(row.about, row.unit_id, row.fault)
    return force.rules.off_delay or timedelta(seconds=force.policy.gather_s)


def _outgrow(book: Book, row: AlertRow, now: datetime) -> None:
    """One that is more urgent than what stands for it speaks for itself."""
    if row.parent is not None and row.state in LIVE:
        above = book.find(row.parent)
        if above is None or row.level > above.level:
            apply(book, row, Group(None), now, By(note="stands for itself"))


def _stands_for(book: Book, row: AlertRow, now: datetime) -> UUID | None:
    """The alert that speaks for this one, if any."""
    if row.about == "silence":
        return _everything(book, row, now)
    return groups.above(book, row, now)


def _everything(book: Book, row: AlertRow, now: datetime) -> UUID | None:
    """Where most units are silent at once, the installation is, and one alert says so."""
    what = row.fault or ""
    if row.unit_id == INSTALLATION or not _together(book, what):
        return None
    silence(book, INSTALLATION, what, min(other.created_at for other in book.silent(what)), now)
    whole = _silence_of(book, INSTALLATION, what)
    if whole is None or whole.state not in LIVE | {State.PENDING}:
        return None
    if whole.state == State.PENDING:  # its units have been waited for already
        whole.alert = replace(whole.alert, until=now)
        run(book, whole, now)
    return whole.id


def _together(book: Book, what: str) -> bool:
    count = len(book.silent(what))
    return count >= FEWEST_TOGETHER and 2 * count >= book.watched()


def _silence_of(book: Book, unit_id: str, what: str) -> AlertRow | None:
    rows: Iterable[AlertRow] = book.newest(unit_id)
    return next((row for row in rows if row.about == "silence" and row.fault == what), None)


def _stamp(row: AlertRow, force: InForce) -> None:
    row.threshold_version, row.policy_version = force.threshold_version, force.policy_version


def _note(book: Book, row: AlertRow, was: State | None, now: datetime, by: By) -> None:
    row.steps += 1
    kept = AlertStep(alert_id=row.id, number=row.steps, was=was, became=row.state, at=now)
    kept.actor_id, kept.actor, kept.note = by.id, by.name, by.note
    book.note(kept)
