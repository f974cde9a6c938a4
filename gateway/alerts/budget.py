"""An alert budget: which threshold keeps to so many alerts a day, and what it would have done to the last weeks.

The past is replayed by the desk itself. Nobody acknowledges in it, so that alerts are counted and not every call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.alerts.book import MemoryBook
from gateway.alerts.findings import Finding
from gateway.alerts.lifecycle import ENDED
from gateway.alerts.replay import Replay
from gateway.alerts.rules import Policy, Threshold, in_force, in_force_for_silence, nearest, said
from gateway.alerts.tables import AlertRow, Reason

Place = tuple[str | None, str | None]
GRID = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
OFF = 2 / 3  # of the chance at which an alert begins, where it ends
SLACK = timedelta(hours=24)  # an alert so long before or after the labelled one is the same
FOUND = ("true", "fixed", "known")  # reasons that say that there was something
ADVISED = {"notice": 0.80, "warning": 0.15, "urgent": 0.05}  # what is critical is urgent too (EEMUA 191)


class Budget(BaseModel):
    """At most so many alerts a day for all units, where a fault that is missed costs as much as so many visits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alerts_a_day: float = Field(gt=0, le=1000)
    miss_costs_visits: float = Field(10, ge=1, le=1000)
    days: int = Field(30, ge=1, le=92, description="Of the past that is replayed.")


class Labelled(BaseModel):
    """An alert of which somebody has said what it was."""

    id: UUID
    unit_id: str
    fault: str | None
    reason: Reason
    begin: datetime
    end: datetime


class Outcome(BaseModel):
    """What some thresholds would have done."""

    threshold: Threshold
    alerts: int
    alerts_a_day: float
    grouped: int = Field(description="Alerts that another one would have spoken for.")
    by_unit: dict[str, int]
    by_fault: dict[str, int]
    by_level: dict[str, int] = Field(description="By the highest level that each reached.")
    mix: dict[str, float] = Field(description="Shares of notice, warning, and urgent or critical.")
    as_advised: bool = Field(description="Whether the mix is within ten points of 80/15/5.")
    missed: list[UUID] = Field(description="Labelled alerts with something to them that would not have been raised.")
    spared: list[UUID] = Field(description="False alerts that would not have been raised.")
    cost: float | None = Field(description="In visits; nothing where there are no labels.")


class Tried(BaseModel):
    """A threshold that was tried."""

    on: float
    alerts_a_day: float
    missed: int
    spared: int
    cost: float | None


class Preview(BaseModel):
    """What is in force and what is proposed, on the same days. Nothing is switched on by it."""

    since: datetime
    until: datetime
    units: int
    findings: int
    labels: int
    now: Outcome
    proposed: Outcome
    tried: list[Tried]
    kept: bool = Field(description="Whether the budget can be kept at all.")
    warnings: list[str]


@dataclass(frozen=True)
class Past:
    """The findings of some weeks, oldest first, and what is known of them."""

    findings: Sequence[Finding]
    labels: Sequence[Labelled]
    feeds: Mapping[str, set[str]]
    since: datetime
    until: datetime

    @property
    def days(self) -> float:
        """Of which there are findings."""
        return max((self.until - self.since) / timedelta(days=1), 1.0)


def slim(findings: Iterable[Finding]) -> list[Finding]:
    """Without what is only shown, and by moment."""
    return sorted((replace(one, evidence=(), action={}) for one in findings), key=lambda one: one.at)


def preview(past: Past, budget: Budget, thresholds: Mapping[Place, Threshold], policy: Policy) -> Preview:
    """The lowest threshold for all that keeps the budget; where people have said what alerts were, the cheapest.

    What is set for single units and faults stays. A visit is never worth it below a chance of one in as many as a miss
    costs visits.
    """
    tried = [_tried(past, budget, {**thresholds, (None, None): one}, policy) for one in _candidates(budget, thresholds)]
    within = [one for one in tried if one.alerts_a_day <= budget.alerts_a_day]
    first = (lambda one: (one.cost, one.threshold.on)) if past.labels else (lambda one: one.threshold.on)
    best = min(within, key=first) if within else tried[-1]
    return Preview(
        since=past.since,
        until=past.until,
        units=len({one.unit_id for one in past.findings}),
        findings=len(past.findings),
        labels=len(past.labels),
        now=_tried(past, budget, thresholds, policy),
        proposed=best,
        tried=[_brief(one) for one in tried],
        kept=bool(within),
        warnings=list(_warnings(past, budget, within)),
    )


def replayed(past: Past, thresholds: Mapping[Place, Threshold], policy: Policy) -> MemoryBook:
    """Every alert that these would have made."""
    forces = {place: in_force(threshold, policy) for place, threshold in thresholds.items()}
    book = MemoryBook(forces, in_force_for_silence(policy), past.feeds)
    replay = Replay(book, past.since)
    replay.play(_changes(past.findings, thresholds))
    replay.to(past.until)
    return book


def _changes(findings: Iterable[Finding], thresholds: Mapping[Place, Threshold]) -> Iterator[Finding]:
    """Those that say something else of their unit than the one before: delays end by time, whoever repeats himself."""
    last: dict[str, object] = {}
    for one in findings:
        heard = said(one, one.fault, nearest(thresholds, one.unit_id, one.fault))
        news = heard, one.fault, one.suspects, one.level
        if heard.zone in {"below", "off"}:
            news = heard.zone, None, None, None  # type: ignore[assignment]
        if last.get(one.unit_id, ("below", None, None, None)) != news:
            last[one.unit_id] = news
            yield one


def _candidates(budget: Budget, thresholds: Mapping[Place, Threshold]) -> list[Threshold]:
    worth = round(1 / budget.miss_costs_visits, 3)
    chances = [worth, *(chance for chance in GRID if chance > worth)]
    before = thresholds[None, None]
    return [before.model_copy(update={"on": chance, "off": round(chance * OFF, 3)}) for chance in chances]


def _tried(past: Past, budget: Budget, thresholds: Mapping[Place, Threshold], policy: Policy) -> Outcome:
    rows = [row for row in replayed(past, thresholds, policy).rows if row.raised_at is not None]
    alone = [row for row in rows if row.calls]
    levels = Counter(max(row.level, row.told_level) for row in alone)
    mix = mixed(levels)
    missed = [one.id for one in past.labels if one.reason in FOUND and not _raised(one, rows)]
    spared = [one.id for one in past.labels if one.reason == "false" and not _raised(one, rows)]
    return Outcome(
        threshold=thresholds[None, None],
        alerts=len(alone),
        alerts_a_day=round(len(alone) / past.days, 2),
        grouped=len(rows) - len(alone),
        by_unit=dict(Counter(row.unit_id for row in alone).most_common()),
        by_fault=dict(Counter(row.fault or "?" for row in alone).most_common()),
        by_level={str(level): levels[level] for level in (1, 2, 3, 4)},
        mix=mix,
        as_advised=off_advice(mix) <= 0.10,
        missed=missed,
        spared=spared,
        cost=len(alone) + budget.miss_costs_visits * len(missed) if past.labels else None,
    )


def mixed(levels: Counter[int]) -> dict[str, float]:
    """Shares of notice, warning, and urgent or critical, by how many alerts there are of each level."""
    counts = {"notice": levels[1], "warning": levels[2], "urgent": levels[3] + levels[4]}
    return {name: round(count / max(sum(counts.values()), 1), 3) for name, count in counts.items()}


def off_advice(mix: Mapping[str, float]) -> float:
    """By how much the share that is furthest from what is advised is off."""
    return max(abs(mix[name] - wanted) for name, wanted in ADVISED.items())


def _raised(label: Labelled, rows: Sequence[AlertRow]) -> bool:
    for row in rows:
        ended = row.since if row.state in ENDED else None
        begun = row.raised_at is not None and row.raised_at <= label.end + SLACK
        if row.unit_id == label.unit_id and begun and (ended is None or ended >= label.begin - SLACK):
            return True
    return False


def _brief(one: Outcome) -> Tried:
    return Tried(
        on=one.threshold.on or 0.0,
        alerts_a_day=one.alerts_a_day,
        missed=len(one.missed),
        spared=len(one.spared),
        cost=one.cost,
    )


def _warnings(past: Past, budget: Budget, within: Sequence[Outcome]) -> Iterator[str]:
    if not within:
        yield "No threshold keeps this budget: what rules see lost is always an alert. Allow more alerts a day."
    if not past.labels:
        yield "What would be missed is not known: nobody has said what alerts were. Close them with a reason."
    if past.days < min(7, budget.days):
        yield f"There are predictions of {past.days:.1f} days only. Look again when there are more."
    if any(one.simulated for one in past.findings[-1:]):
        yield "The model learnt from simulated faults; its chances may be others on real ones."
