"""What alerts would have come of predictions and silences: the desk's own functions on a clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any
from uuid import UUID

from gateway.alerts import desk
from gateway.alerts.book import MemoryBook
from gateway.alerts.findings import Finding
from gateway.alerts.lifecycle import ENDED, Acknowledge, State
from gateway.alerts.replay import Replay
from gateway.alerts.rules import Policy, Threshold, in_force, in_force_for_silence
from gateway.alerts.tables import AlertRow
from gateway.channels.notice import Notice
from gateway.faults.silences import LATE

MOMENT = timedelta(minutes=5)  # from one look of somebody who acknowledges to the next
READINGS = "readings"
MOST_EVIDENCE = 4


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came from a unit between these moments; it is noticed at ``noticed``."""

    unit_id: str
    since: datetime
    noticed: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that was raised, and how it went on; chances are of a loss of function within 72 hours."""

    row: AlertRow
    begin: datetime
    end: datetime | None
    level: int  # the highest
    chance: float  # of the finding that it began with
    peak: float  # the highest while it stood
    evidence: Sequence[str]  # what the most predictions named while it stood, each as code and text


@dataclass
class Past:
    """The alerts in the order in which they were raised, and everything that people would have been told."""

    alerts: list[Raised] = field(default_factory=list)
    silences: list[Raised] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


def silences(unit: str, times: Sequence[datetime], interval: timedelta) -> list[Silence]:
    """The gaps between a unit's readings that its listeners would have noticed."""
    longest = interval + LATE
    return [Silence(unit, last, last + longest, nxt) for last, nxt in pairwise(times) if nxt - last > longest]


def play(
    findings: Sequence[Finding], gaps: Sequence[Silence], until: datetime, acknowledged: timedelta | None = None
) -> Past:
    """By the thresholds and the policy that the program brings.

    Nobody closes or repairs anything; somebody acknowledges each alert so long after he was told of it, or nobody.
    """
    policy, units = Policy(), len({one.unit_id for one in findings})
    book = MemoryBook({(None, None): in_force(Threshold(), policy)}, in_force_for_silence(policy), units=units)
    replay = Replay(book, min(one.at for one in findings) - MOMENT)
    first: dict[UUID, Mapping[str, Any]] = {}
    for at, happens in _in_order(findings, gaps):
        _go_on(replay, at, acknowledged)
        match happens:
            case Finding():
                desk.observe(book, happens, at)
            case Silence(unit_id=unit, since=since) if at == happens.noticed:
                desk.silence(book, unit, READINGS, since, at)
            case Silence(unit_id=unit):
                desk.heard(book, unit, READINGS, at)
        for row in book.rows[len(first) :]:
            first[row.id] = dict(row.finding)
    _go_on(replay, until, acknowledged)
    raised = [_raised(row, first.get(row.id, row.finding), findings) for row in book.rows if row.raised_at is not None]
    raised.sort(key=attrgetter("begin"))
    return Past(
        [one for one in raised if one.row.about == "fault"],
        [one for one in raised if one.row.about == "silence"],
        [notice for notice in book.notices if not notice.details.get("quiet")],
    )


def _in_order(findings: Sequence[Finding], gaps: Sequence[Silence]) -> Iterator[tuple[datetime, Finding | Silence]]:
    happens: list[tuple[datetime, Finding | Silence]] = [(one.at, one) for one in findings]
    happens += [(at, gap) for gap in gaps for at in (gap.noticed, gap.until)]
    yield from sorted(happens, key=lambda one: one[0])


def _go_on(replay: Replay, until: datetime, acknowledged: timedelta | None) -> None:
    if acknowledged is None:
        return replay.to(until)
    while replay.now < until:
        replay.to(min(replay.now + MOMENT, until))
        for row in replay.book.rows:
            if row.state == State.ACTIVE and row.told_at is not None and row.told_at + acknowledged <= replay.now:
                desk.apply(replay.book, row, Acknowledge(), replay.now)
    return None


def _raised(row: AlertRow, first: Mapping[str, Any], findings: Sequence[Finding]) -> Raised:
    assert row.raised_at is not None  # noqa: S101 - for mypy
    end = row.since if row.state in ENDED else None
    stood = [
        one
        for one in findings
        if one.unit_id == row.unit_id and row.created_at <= one.at and (end is None or one.at < end)
    ]
    texts = dict(text.split(": ", 1) for one in stood for text in one.evidence)
    named = Counter(text.split(": ", 1)[0] for one in stood if one.fault == row.fault for text in one.evidence)
    return Raised(
        row,
        row.raised_at,
        end,
        max(row.level, row.told_level),
        first.get("probability", 0.0),
        max((one.probability for one in stood), default=0.0),
        [f"{code}: {texts[code]}" for code, _ in named.most_common(MOST_EVIDENCE)],
    )
