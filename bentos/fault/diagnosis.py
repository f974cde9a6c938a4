"""The wording of an answer: what network, rules and balance say, where they part, and what to do."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from bentos.fault.actions import ACTIONS
from bentos.fault.case import Case
from bentos.fault.evidence import LAW_POINTS
from bentos.fault.inspection import Fired, suspects
from bentos.fault.points import NAMES, REQUIRED
from bentos.fault.reference import DAILY
from bentos.fault.schema import (
    HORIZONS,
    Action,
    Evidence,
    FaultCode,
    Missing,
    Suspect,
    Validity,
    Verdict,
    Verdicts,
)
from bentos.fault.series import Strict
from bentos.fault.symptoms import UNLOCKS

LOST = {"CMD-1", "SV-FLAT"}  # rules that see a function lost, not a suspicion
SILENCE = "SV-STALE"  # as certain, yet of the unit itself nothing is lost
SILENT = 1 / 3  # share of quarter-hours below which a point counts as missing
LATE_HOURS = 1.0
FRESH_DAYS = 7  # of the last fortnight that should be in a reference's history
OLD_DAYS = 400
SUSPECTS = 3


class Notice(Strict):
    """How sure the network has to be of one fault: from ``on`` it is told, and below ``off`` it is over."""

    on: float
    off: float


class Level(Strict):
    """A warning level and the probability within so many hours from which it holds."""

    level: int
    hours: int
    probability: float


@dataclass(frozen=True)
class Opinion:
    """What the network says: chances by ``HORIZONS``, faults by how likely each is, severity, and its warning level.

    ``unsure``: it would not begin a notice, and would not end one either.
    """

    chances: list[float]
    faults: dict[FaultCode, float]
    severity: float
    level: int
    unsure: bool = False

    @property
    def fault(self) -> FaultCode | None:
        return next(iter(self.faults)) if self.level and self.faults else None


def level_of(chances: list[float], levels: list[Level]) -> int:
    """The highest whose probability is reached, 0 for none."""
    by_hours = dict(zip(HORIZONS, chances, strict=True))
    return max((said.level for said in levels if by_hours[said.hours] >= said.probability), default=0)


def verdicts(case: Case, opinion: Opinion) -> Verdicts:
    """The three judges and where they part."""
    said = {"model": _model(opinion), "rules": _rules(case), "balance": _balance(case)}
    judged = {name: verdict for name, verdict in said.items() if verdict.judged}
    differences = []
    for one, other in [("model", "rules"), ("model", "balance"), ("rules", "balance")]:
        if one in judged and other in judged and (text := _difference(one, said[one], other, said[other])):
            differences.append(text)
    return Verdicts(**said, agree=not differences, differences=differences)


def certain(case: Case, opinion: Opinion) -> list[Fired]:
    """Rules that name the fault: of functions lost, and of silent points where the network sees nothing.

    What the network sees of a unit whose sensor stands still, it sees by that sensor: the rule knows the cause.
    """
    lost = _fired(case, LOST)
    return lost if lost or opinion.level else _fired(case, {SILENCE})


def level_by_rules(found: Sequence[Fired]) -> int:
    """Of what is certain, 0 where nothing is."""
    return max((ACTIONS[one.rule.faults[0]].urgency for one in found), default=0)


def chosen(case: Case, opinion: Opinion, known: Sequence[Fired]) -> tuple[FaultCode | None, list[Suspect]]:
    """The fault that is told, if there is one; what else is there for certain; and what else it may be."""
    weights = suspects(known) if known else opinion.faults if opinion.level else {}
    if not weights:
        return None, []
    fault, *others = weights
    beside = [one for found in _fired(case, {*LOST, SILENCE}) if (one := found.rule.faults[0]) != fault]
    maybe = [Suspect(fault=one, probability=round(weights[one], 4)) for one in others if one not in beside]
    return fault, [*(Suspect(fault=one, probability=1) for one in beside), *maybe[:SUSPECTS]]


def lead_hours_of(known: Sequence[Fired], chances: list[float]) -> float | None:
    """None are left where a function is lost already."""
    return 0.0 if any(found.rule.code in LOST for found in known) else lead_hours(chances)


def advice(fault: FaultCode | None, case: Case) -> Action | None:
    """For the fault that is named, else for the one that the rules suspect most."""
    suspected = fault or next(iter(suspects(case.fired)), None)
    return ACTIONS[suspected] if suspected else None


def lead_hours(chances: list[float]) -> float | None:
    """Hours until a loss is more likely than not, between horizons in proportion; none beyond the last."""
    before, below = 0.0, 0.0
    for hours, chance in zip(HORIZONS, chances, strict=True):
        if chance >= 0.5:
            return round(before + (hours - before) * (0.5 - below) / (chance - below), 1)
        before, below = hours, chance
    return None


def evidence(case: Case) -> list[Evidence]:
    """Rules that hold, and states in which heat does not balance."""
    span = case.at - timedelta(hours=72)
    rules = [
        Evidence(
            source="rule",
            code=found.rule.code,
            points=list(found.rule.needs),
            since=found.since.to_pydatetime(),
            until=found.until.to_pydatetime(),
            hours=found.hours,
            weight=round(found.share, 3),
            text=found.rule.text,
        )
        for found in case.fired
    ]
    balances = [
        Evidence(
            source="balance",
            code=state,
            points=LAW_POINTS["coil" if state.startswith("coil") else "mixing"],
            since=span.to_pydatetime(),
            until=case.at.to_pydatetime(),
            hours=case.balance.hours[state],
            weight=1.0,
            text=f"{case.balance.medians[state]:+.1f} expected deviations in the median: {case.balance.text}",
        )
        for state in case.balance.broken
    ]
    return rules + balances


def validity(case: Case) -> list[Validity]:
    """Of every point that was sent."""
    given = case.question.points.given()
    operation = case.operation
    return [
        Validity(point=name, known=round(operation.known[name], 3), defects=operation.defects.get(name, []))
        for name in NAMES
        if name in given
    ]


def missing(case: Case) -> list[Missing]:
    """Points that were not sent or are silent for most of the window."""
    return [Missing(point=n, unlocks=UNLOCKS[n]) for n in NAMES if case.operation.known[n] < SILENT]


def warnings(case: Case, simulated: bool) -> list[str]:
    """What the reader must know to trust the answer no further than it goes."""
    reference, at = case.reference, case.at
    known = 0 if case.carried is None else _days_known(case)
    dead = [name for name in REQUIRED if case.operation.known[name] < SILENT]
    said = [
        (simulated, "The network learnt from simulated faults; no real fault was in its training."),
        (reference is None, "No reference: the unit is compared with any unit, and slow faults are seen late or not."),
        (case.late_hours > LATE_HOURS, f"The last reading is {case.late_hours:.1f} hours old."),
        (bool(dead), f"Required points that say nothing: {', '.join(dead)}. What they would show is not judged."),
        (reference is not None and known < FRESH_DAYS, f"Only {known} of the last 14 days are in the history."),
    ]
    if reference is not None:
        until = pd.Timestamp(reference.healthy_until, tz="UTC")
        said += [
            (
                until > at,
                "The reference's healthy period ends after the moment of asking: the answer knows the future.",
            ),
            ((at - until).days > OLD_DAYS, f"The healthy period ended {(at - until).days} days ago: make it again."),
        ]
    return [text for applies, text in said if applies]


def _fired(case: Case, codes: Set[str]) -> list[Fired]:
    return [found for found in case.fired if found.rule.code in codes]


def _days_known(case: Case) -> int:
    assert case.carried is not None  # noqa: S101 - for mypy
    days = case.carried.days()
    recent = days[(days.index >= case.at - pd.Timedelta(days=14)) & (days.index < case.at)]
    return int(recent[DAILY].notna().any(axis=1).sum())


def _model(opinion: Opinion) -> Verdict:
    text = f"Loss of a function within {HORIZONS[-1]} hours: {opinion.chances[-1]:.0%}."
    return Verdict(judged=True, faulty=opinion.level > 0, fault=opinion.fault, text=text)


def _rules(case: Case) -> Verdict:
    if not case.rules_judged:
        return Verdict(judged=False, faulty=False, fault=None, text="No rule could be judged: the unit hardly ran.")
    if not case.fired:
        return Verdict(judged=True, faulty=False, fault=None, text=f"None of {len(case.rules_judged)} rules holds.")
    fault = next(iter(suspects(case.fired)))
    text = " ".join(f"{found.rule.code}: {found.rule.text}" for found in case.fired)
    return Verdict(judged=True, faulty=True, fault=fault, text=text)


def _balance(case: Case) -> Verdict:
    found = case.balance
    return Verdict(judged=bool(found.medians), faulty=bool(found.broken), fault=found.fault, text=found.text)


def _difference(one: str, first: Verdict, other: str, second: Verdict) -> str | None:
    if first.faulty != second.faulty:
        sees, blind = (one, other) if first.faulty else (other, one)
        return f"{sees} sees a fault, {blind} does not."
    if first.faulty and first.fault != second.fault:
        return f"{one} says {first.fault}, {other} says {second.fault}."
    return None
