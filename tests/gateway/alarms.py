"""Findings, rules and a book on a virtual clock, for tests of alerts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.alerts import desk
from gateway.alerts.book import MemoryBook
from gateway.alerts.findings import Finding
from gateway.alerts.replay import Replay
from gateway.alerts.rules import Policy, Threshold, in_force, in_force_for_silence

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
QUICK = Threshold(on_delay_s=(600, 600, 600, 0), off_delay_s=1800)


def finding(unit="AHU-1", fault="F-FILTER", level=2, at=START, chance=None, **more) -> Finding:
    """A unit that is healthy where the level is 0."""
    likely = (0.1 + 0.2 * level) if chance is None else chance
    chances = {
        hours: round(likely * share, 4)
        for hours, share in zip((1, 6, 24, 72, 168, 336), (0.2, 0.3, 0.5, 0.7, 0.9, 1), strict=True)
    }
    named = fault if level else None
    action = {"en": "Replace the filter.", "zh": "更换过滤器。"} if level else {}
    return Finding(
        unit, at, level, named, chances, severity=0.4, evidence=("FLT-1: dP up",), action=action, version="v1", **more
    )


def healthy(unit="AHU-1", at=START) -> Finding:
    return finding(unit, level=0, at=at)


def book(threshold=QUICK, policy=None, **more) -> MemoryBook:
    """A new one, where one threshold is for all."""
    policy = policy or Policy()
    return MemoryBook({(None, None): in_force(threshold, policy)}, in_force_for_silence(policy), **more)


class Clock(Replay):
    """Time that goes on by itself: whatever is due is done at its moment."""

    def __init__(self, kept: MemoryBook, now: datetime = START) -> None:
        super().__init__(kept, now)

    def on(self, span: timedelta) -> None:
        self.to(self.now + span)

    def say(self, *said: Finding) -> None:
        for one in said:
            desk.observe(self.book, replace(one, at=self.now), self.now)

    def told(self, *kinds: str) -> list:
        """What was told, without what is for lights alone."""
        loud = [said for said in self.book.notices if not said.details.get("quiet")]
        return [said for said in loud if not kinds or said.kind in kinds]

    def states(self) -> list[str]:
        return [f"{row.unit_id} {row.fault} {row.state}" for row in self.book.rows]


def every_quarter(clock: Clock, span: timedelta, *findings: Finding) -> None:
    """The same is said every quarter of an hour."""
    for _ in range(int(span / (15 * MINUTE))):
        clock.say(*findings)
        clock.on(15 * MINUTE)
