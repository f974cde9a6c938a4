"""Which rules hold in a window, for how long, and what they make us suspect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bentos.fault.operation import Operation
from bentos.fault.rules import RULES, Rule
from bentos.fault.schema import FaultCode
from bentos.fault.windows import STEP, Truth

SCHEDULE = 0.1  # weight of a wrong schedule among suspects
LEAST_SHARE = 0.5  # of the recent judged quarter-hours in which a rule must hold


@dataclass(frozen=True)
class Fired:
    """A rule that holds: for so many ``hours`` of those ``judged``, from its first to its last quarter-hour."""

    rule: Rule
    hours: float
    judged: float
    since: pd.Timestamp
    until: pd.Timestamp

    @property
    def share(self) -> float:
        return self.hours / self.judged


def judge(operation: Operation) -> tuple[list[Fired], list[str]]:
    """Rules that hold, the longest first, and the codes of all that could be judged."""
    fired, judged = [], []
    for rule in RULES:
        when = _judgeable(rule, operation)
        hours = float(when.sum()) / 4
        if hours < rule.hours:
            continue
        judged.append(rule.code)
        holds = rule.fires(operation)[when]
        recent = holds[-int(4 * rule.recent) :]
        if recent.sum() >= 4 * rule.hours and recent.mean() >= LEAST_SHARE:
            stamps = operation.stamps[when][holds]
            fired.append(Fired(rule, float(holds.sum()) / 4, hours, stamps[0], stamps[-1] + STEP))
    return sorted(fired, key=lambda found: -found.hours), judged


def suspects(fired: Sequence[Fired]) -> dict[FaultCode, float]:
    """Weight of each fault that rules speak for, summing to one: a rule's first fault before its others.

    A wrong schedule makes no other fault less likely, so that it comes after them.
    """
    weights: dict[FaultCode, float] = {}
    for found in fired:
        for place, fault in enumerate(found.rule.faults):
            weight = found.share / len(found.rule.faults) / (place + 1)
            weights[fault] = weights.get(fault, 0.0) + weight * (SCHEDULE if fault == "F-SCHED" else 1)
    total = sum(weights.values())
    return {fault: weight / total for fault, weight in sorted(weights.items(), key=lambda item: -item[1])}


def _judgeable(rule: Rule, operation: Operation) -> Truth:
    when: Truth = rule.when(operation) & operation.have(*rule.needs)
    if rule.needs_settled:
        when &= operation.settled
    return when & (operation.has_reference or not rule.needs_reference)
