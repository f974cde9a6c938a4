"""From when a finding is an alert, how long it may wait, and who is told when: an expert's to set, kept by version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.alerts.findings import Finding
from gateway.alerts.lifecycle import Rules, Said, Zone

LEVELS = (1, 2, 3, 4)
MINUTE, HOUR, DAY = 60, 3600, 86_400
Seconds = Annotated[int, Field(ge=0, le=30 * DAY)]
Share = Annotated[float, Field(gt=0, le=1)]

T = TypeVar("T")


class _Set(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threshold(_Set):
    """From when on a condition holds. Without ``on`` and ``off`` the model's own levels decide.

    It holds from ``on`` until the probability within ``within_hours`` falls below ``off``. The four delays are those
    of notice, warning, urgent and critical.
    """

    on: Share | None = None
    off: Share | None = None
    within_hours: Literal[1, 6, 24, 72, 168, 336] = 336
    least_level: int = Field(1, ge=1, le=4)
    on_delay_s: tuple[Seconds, Seconds, Seconds, Seconds] = (6 * HOUR, HOUR, 10 * MINUTE, 0)
    off_delay_s: Seconds = 30 * MINUTE

    @model_validator(mode="after")
    def _off_is_not_above_on(self) -> Self:
        if (self.on is None) != (self.off is None):
            raise ValueError("set on and off together, or neither, so that the model's levels decide")
        if self.on is not None and self.off is not None and self.off > self.on:
            raise ValueError("off must not be above on; set it to about two thirds of on")
        return self


class Step(_Set):
    """A step of the ladder: so long after the first call; only the channels or chains that it names hear it."""

    after_s: Seconds
    channels: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=20)] = []


Ladder = Annotated[list[Step], Field(min_length=1, max_length=10)]


def _ladder(*after_s: int) -> list[Step]:
    return [Step(after_s=after) for after in after_s]


class Policy(_Set):
    """Who is told when, by level from notice to critical, and what keeps them from being told too much."""

    ladders: tuple[Ladder, Ladder, Ladder, Ladder] = (
        _ladder(0),
        _ladder(0, 4 * HOUR),
        _ladder(0, 30 * MINUTE, 2 * HOUR),
        _ladder(0, 5 * MINUTE, 15 * MINUTE, HOUR),
    )
    remind_s: Seconds = Field(DAY, ge=MINUTE)
    quiet_s: Seconds = Field(30 * MINUTE, description="In which the same alert is not told again.")
    rest_s: Seconds = Field(7 * DAY, description="For which a closed alert stays closed though its condition holds.")
    singles: int = Field(4, ge=1, le=100, description="Alerts told one by one in a window; one more if it is critical.")
    window_s: Seconds = Field(10 * MINUTE, ge=MINUTE)
    gather_s: Seconds = Field(MINUTE, description="For which what comes beyond that is gathered into a summary.")
    silence_s: Seconds = Field(30, description="For which silent units are gathered before anybody is told.")

    @model_validator(mode="after")
    def _ladders_climb(self) -> Self:
        for ladder in self.ladders:
            after = [step.after_s for step in ladder]
            if after[0] != 0 or after != sorted(set(after)):
                raise ValueError("a ladder's first step is at 0, and each later one comes after it; correct after_s")
        return self

    def channels(self, level: int, step: int) -> list[str]:
        """Who is told at a step; nobody named means all."""
        ladder = self.ladders[level - 1]
        return ladder[min(step, len(ladder) - 1)].channels


@dataclass(frozen=True, slots=True)
class InForce:
    """What counts for a key now, and which versions it has; 0 is what the program brings."""

    threshold: Threshold
    policy: Policy
    threshold_version: int
    policy_version: int
    rules: Rules


def in_force(threshold: Threshold, policy: Policy, versions: tuple[int, int] = (0, 0)) -> InForce:
    """Both, with what the machine needs of them."""
    return InForce(threshold, policy, *versions, _rules(threshold.on_delay_s, threshold.off_delay_s, policy))


def in_force_for_silence(policy: Policy, version: int = 0) -> InForce:
    """For units of which nothing is heard: no threshold, and over as soon as something is."""
    waits = (policy.silence_s,) * len(LEVELS)
    return InForce(Threshold(), policy, 0, version, _rules(waits, 0, policy))


def nearest(kept: Mapping[tuple[str | None, str | None], T], unit_id: str | None, fault: str | None) -> T:
    """What is set for this unit and fault, else for the unit, else for the fault, else for all."""
    places = ((unit_id, fault), (unit_id, None), (None, fault), (None, None))
    return next(kept[place] for place in places if place in kept)


def said(finding: Finding, fault: str | None, threshold: Threshold) -> Said:
    """Where this fault's condition lies by what a prediction says of its unit."""
    return Said(_zone(finding, fault, threshold), max(1, finding.level))


def _zone(finding: Finding, fault: str | None, threshold: Threshold) -> Zone:
    if finding.idle:
        return "off"
    if fault in finding.beside:
        return "between"  # it is there, whatever the model says of another fault
    named = fault == finding.fault
    zone = _of_unit(finding, threshold, certain=named and finding.certain)
    if named or zone == "below":
        return zone
    # What rules see for certain says nothing of what the model saw: a point that is silent now may be where it saw it.
    still = finding.fault is None or finding.certain or fault in finding.suspects
    return "between" if still else "below"


def _of_unit(finding: Finding, threshold: Threshold, *, certain: bool) -> Zone:
    level, least = max(1, finding.level), threshold.least_level
    if certain or threshold.on is None or threshold.off is None:
        if finding.level >= least:
            return "above"
        over = finding.level < max(1, least - 1) and not (finding.unsure and least == 1)
        return "below" if over else "between"
    chance = finding.chances[threshold.within_hours]
    if chance < threshold.off:
        return "below"
    return "above" if chance >= threshold.on and level >= least else "between"


def _rules(on_delay_s: tuple[int, ...], off_delay_s: int, policy: Policy) -> Rules:
    ladders = zip(LEVELS, policy.ladders, strict=True)
    return Rules(
        on_delay={level: timedelta(seconds=delay) for level, delay in zip(LEVELS, on_delay_s, strict=True)},
        off_delay=timedelta(seconds=off_delay_s),
        ladder={level: tuple(timedelta(seconds=step.after_s) for step in ladder) for level, ladder in ladders},
        remind=timedelta(seconds=policy.remind_s),
        quiet=timedelta(seconds=policy.quiet_s),
        rest=timedelta(seconds=policy.rest_s),
    )
