"""The search for the highest rate that holds. It knows no server: whoever asks it gives a function that probes.

From a low rate it doubles until two probes do not hold, halves the bracket on the log scale until its ends are close,
and then trusts none of this: fresh probes must all hold at the rate, and most must fail a tenth above it, or the search
goes down or up from there. A probe that decides nothing is repeated at twice the length; one that is void counts for
nothing, and where the generator is void again and again it, not the server, is the bound.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from loadtests.capacity.verdicts import Outcome, Verdict, judge
from loadtests.slo import samples_needed

Ask = Callable[[float, float, int], Outcome]  # rate, seconds, seed

CLOSE = 1.05  # the bracket's ends, and a step down
ABOVE = 1.10  # where it must fail
FRESH = 3
UPWARD = 1.25  # a step up where a confirmation went too well
QUICK = 1 / 3  # of a probe's length, while the rate still doubles
LOWEST = 0.1  # requests a second


class OutOfTimeError(Exception):
    """The budget does not allow another probe."""


@dataclass(frozen=True)
class Plan:
    """What is searched for and how hard; ``seconds`` is a probe's length, ``budget_s`` that of everything.

    A probe is never so short that a rate too high by ``close`` could not build up a queue as long as the limit.
    """

    limit_s: float
    seconds: float = 10.0
    budget_s: float = 175.0
    close: float = CLOSE
    seed: int = 1

    def length(self, rate: float, share: float = 1.0) -> float:
        """A probe's seconds: enough samples to prove anything, with room for a few that are over."""
        longest = max(self.seconds, 1.5 * self.limit_s / (self.close - 1))
        return max(share * longest, 1.25 * samples_needed(0.99, 0) / rate)


@dataclass(frozen=True)
class Probe:
    """One probe, why it was made and what it said."""

    purpose: str
    rate: float
    seconds: float
    seed: int
    verdict: Verdict
    outcome: Outcome


@dataclass
class Found:
    """``good`` is the highest rate that all of its fresh probes held, ``bad`` the lowest that most of its failed.

    Where time ran out they are what is known, and ``confirmed`` is false. ``generator_bound`` says that the generator
    was not up to more than ``good``.
    """

    good: float | None = None
    bad: float | None = None
    confirmed: bool = False
    generator_bound: bool = False
    spent_s: float = 0.0
    probes: list[Probe] = field(default_factory=list)

    def said(self, rate: float | None, verdict: Verdict) -> list[Probe]:
        """The probes at that rate, if they confirmed it the fresh ones alone, that said so."""
        fresh = ("good", "bad") if self.confirmed else ("grow", "shrink", "halve", "good", "bad")
        return [p for p in self.probes if p.rate == rate and p.verdict is verdict and p.purpose in fresh]


class Search:
    """One search; ``found`` grows with every probe, and ``tell`` hears of each."""

    def __init__(self, ask: Ask, plan: Plan, tell: Callable[[Probe], None] = lambda probe: None) -> None:
        self._ask, self.plan, self._tell = ask, plan, tell
        self.found = Found()
        self._seed = plan.seed
        self._low: float | None = None  # held
        self._high: float | None = None  # did not
        self._void_above = False  # since the generator did not get so far
        self._held: set[float] = set()

    def run(self, start: float) -> Found:
        """Bracket, then confirm; where time runs out, what is known."""
        try:
            self._bracket(start)
            while self._low is not None and not self._confirmed():
                pass
        except OutOfTimeError:
            self._conclude()
        return self.found

    def _conclude(self) -> None:
        """The bracket as far as it has come; its lower end only where it has held, which a step down has not yet."""
        ceiling = self._high or math.inf
        self.found.bad = None if self._void_above else self._high
        self.found.good = max((rate for rate in self._held if rate < ceiling), default=None)

    def bracket(self, start: float, growth: float = 2.0) -> Found:
        """Only the bracket: what a comparison of many needs, and no claim about any."""
        with suppress(OutOfTimeError):
            self._bracket(start, growth)
        self.found.good, self.found.bad = self._low, self._high
        self.found.generator_bound = self._void_above
        return self.found

    def _bracket(self, start: float, growth: float = 2.0) -> None:
        rate = start
        while self._high is None:
            self._probe_from(rate, "grow", QUICK)
            if self._high and self.plan.length(rate, QUICK) < self.plan.seconds:  # too short to end it at one word
                self._high = None
                self._probe_from(rate, "grow", QUICK)
            rate *= growth
        rate = start
        while self._low is None and rate > LOWEST:
            rate /= growth
            self._probe_from(rate, "shrink", QUICK)
        while self._low and self._high and self._high / self._low > self.plan.close:
            self._probe_from(math.sqrt(self._low * self._high), "halve", 1.0)

    def _probe_from(self, rate: float, purpose: str, share: float) -> None:
        """Move the end of the bracket that this rate belongs to."""
        verdict = self._decide(rate, purpose, share)
        if verdict is Verdict.HOLDS:
            self._low = rate
        else:
            self._high, self._void_above = rate, verdict is Verdict.VOID

    def _confirmed(self) -> bool:
        """Whether the bracket's lower end is the answer; if not, the bracket has moved."""
        rate = self._low or LOWEST
        held = self._fresh(rate, "good", FRESH)
        if held is not Verdict.HOLDS:
            self._high, self._low, self._void_above = rate, _lower(rate), held is Verdict.VOID
            return False
        self.found.good = rate
        failed = Verdict.VOID if self._void_above else self._fresh(ABOVE * rate, "bad", FRESH // 2 + 1)
        if failed is Verdict.HOLDS:
            self._low, self._high, self._void_above = ABOVE * rate, None, False
            self._bracket(UPWARD * self._low)
            return False
        self.found.bad = ABOVE * rate if failed is Verdict.FAILS else None
        self.found.generator_bound, self.found.confirmed = failed is Verdict.VOID, True
        return True

    def _fresh(self, rate: float, purpose: str, holding: int) -> Verdict:
        """Holds where so many fresh probes do before the others of the ``FRESH`` say otherwise."""
        said: Counter[Verdict] = Counter()
        while said[Verdict.HOLDS] < holding:
            said[self._decide(rate, purpose)] += 1
            if said[Verdict.FAILS] > FRESH - holding:
                return Verdict.FAILS
            if said[Verdict.VOID]:
                return Verdict.VOID
        return Verdict.HOLDS

    def _decide(self, rate: float, purpose: str, share: float = 1.0) -> Verdict:
        verdict = self._looked_at(rate, purpose, self.plan.length(rate, share))
        if verdict is Verdict.HOLDS:
            self._held.add(rate)
        return verdict

    def _looked_at(self, rate: float, purpose: str, seconds: float) -> Verdict:
        """Twice undecided is not proved, and so has failed; the second look is longer."""
        said = Counter[Verdict]()
        while True:
            verdict = self._probe(purpose, rate, seconds)
            said[verdict] += 1
            if verdict in (Verdict.HOLDS, Verdict.FAILS):
                return verdict
            if said[verdict] == 2:
                return Verdict.VOID if verdict is Verdict.VOID else Verdict.FAILS
            if verdict is Verdict.UNDECIDED:
                seconds *= 2

    def _probe(self, purpose: str, rate: float, seconds: float) -> Verdict:
        if self.found.spent_s + seconds > self.plan.budget_s:
            raise OutOfTimeError
        self._seed += 1
        outcome = self._ask(rate, seconds, self._seed)
        self.found.spent_s += outcome.took_s
        probe = Probe(purpose, rate, seconds, self._seed, judge(outcome, self.plan.limit_s), outcome)
        self.found.probes.append(probe)
        self._tell(probe)
        return probe.verdict


def _lower(rate: float) -> float | None:
    """A step down; ``None`` where nothing is left."""
    return rate / CLOSE if rate / CLOSE >= LOWEST else None
