"""Which settings to measure in which order, and whether the best of them is better at all. It knows no server.

A coordinate search, coarse then fine. The settings are few and hardly touch each other, so that one is changed at a
time: each of its values against the default, then the best values together with half and twice the rows. That takes
some ten measurements where a full grid takes dozens, and leaves time to measure the default again and again: a
shared machine drifts by more than most settings give, so each capacity counts as a ratio to the default's just before
and after it.

The best of many noisy ratios is mostly lucky. So the winner has to prove itself in a fresh run, turn by turn with the
default, with other arrivals: better is what is so by ``WORTH`` on average and, by Student's t over the pairs, for sure.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from scipy.stats import t as student

from loadtests.tune.settings import DEFAULT, Settings, coarse, fine

Measure = Callable[[Settings, int], float]  # the capacity in requests a second; the seed is of the arrivals
EVERY = 2  # measurements between two of the default
PAIRS = 4
WORTH, SURE = 1.03, 0.95


class OutOfTimeError(Exception):
    """No measurement is allowed any more."""


@dataclass(frozen=True)
class Measured:
    """One capacity, and why it was measured."""

    purpose: str
    settings: Settings
    seed: int
    rate: float
    took_s: float


@dataclass(frozen=True)
class Proof:
    """Capacities of default and winner, pair by pair."""

    default: list[float]
    winner: list[float]

    @property
    def ratio(self) -> float:
        """The geometric mean of the pairs'."""
        return math.exp(fmean(self._logs)) if self._logs else 1.0

    @property
    def at_least(self) -> float:
        """The ratio is higher with 95 % certainty."""
        pairs = len(self._logs)
        if pairs < 2:
            return 0.0
        error = stdev(self._logs) / math.sqrt(pairs)
        return math.exp(fmean(self._logs) - float(student.ppf(SURE, pairs - 1)) * error)

    @property
    def better(self) -> bool:
        """Worth it, and no accident."""
        return self.ratio >= WORTH and self.at_least > 1

    @property
    def _logs(self) -> list[float]:
        return [math.log(winner / default) for default, winner in zip(self.default, self.winner, strict=False)]


@dataclass
class Tuned:
    """``winner`` was best in the search; ``best`` is it where ``proof`` says so, else the default."""

    winner: Settings = DEFAULT
    proof: Proof | None = None
    measured: list[Measured] = field(default_factory=list)

    @property
    def best(self) -> Settings:
        return self.winner if self.proof and self.proof.better else DEFAULT


class Tuner:
    """One search within ``budget_s`` on ``clock``, of which the proof gets its share whatever the search has found."""

    def __init__(
        self,
        measure: Measure,
        cores: int,
        budget_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Measured], None] = lambda one: None,
    ) -> None:
        self._measure, self._cores, self._clock, self._tell = measure, cores, clock, tell
        self._until, self._seed = clock() + budget_s, 0
        self.tuned = Tuned()

    def run(self) -> Tuned:
        """Where time runs out: the winner so far, and as much proof as there is."""
        with suppress(OutOfTimeError):
            axes = coarse(self._cores)
            self._round("coarse", [settings for values in axes.values() for settings in values])
            self._round("fine", fine(self._together(axes)))
        self.tuned.winner = favourite(ratios(self.tuned.measured))
        if self.tuned.winner != DEFAULT:
            self.tuned.proof = self._proof(self.tuned.winner)
        return self.tuned

    def _round(self, purpose: str, candidates: Sequence[Settings]) -> None:
        """All but the default, and between them the default, which is also first and last."""
        others = [settings for settings in candidates if settings != DEFAULT]
        for first in range(0, len(others), EVERY):
            for settings in (DEFAULT, *others[first : first + EVERY]):
                self._next(purpose, settings)
        self._next(purpose, DEFAULT)

    def _together(self, axes: Mapping[str, Sequence[Settings]]) -> Settings:
        """The default with the best value of each field, where one was better."""
        found, together = ratios(self.tuned.measured), DEFAULT
        for name, values in axes.items():
            best = favourite({settings: found[settings] for settings in values})
            together = replace(together, **{name: getattr(best, name)})
        return together

    def _proof(self, winner: Settings) -> Proof:
        """Both with the same arrivals, now one first, now the other."""
        proof = Proof([], [])
        sides = [(DEFAULT, proof.default), (winner, proof.winner)]
        with suppress(OutOfTimeError):
            for pair in range(PAIRS):
                self._seed += 1
                for settings, rates in sides if pair % 2 == 0 else reversed(sides):
                    rates.append(self._next("proof", settings, self._seed))
        complete = min(len(proof.default), len(proof.winner))
        return Proof(proof.default[:complete], proof.winner[:complete])

    def _next(self, purpose: str, settings: Settings, seed: int | None = None) -> float:
        """Raises ``OutOfTimeError`` where the measurement, or after it the proof, might not be done in time."""
        now, took = self._clock(), [one.took_s for one in self.tuned.measured]
        kept = 0.0 if purpose == "proof" or not took else 2 * PAIRS * fmean(took)
        if now + max(took, default=0.0) + kept > self._until:
            raise OutOfTimeError
        if seed is None:
            seed = self._seed = self._seed + 1
        rate = self._measure(settings, seed)
        one = Measured(purpose, settings, seed, rate, self._clock() - now)
        self.tuned.measured.append(one)
        self._tell(one)
        return rate


def ratios(measured: Sequence[Measured]) -> dict[Settings, float]:
    """Each settings' capacity over the default's before and after it, on average over their measurements."""
    found: dict[Settings, list[float]] = {}
    defaults = [(n, one.rate) for n, one in enumerate(measured) if one.settings == DEFAULT]
    for n, one in enumerate(measured):
        if one.settings != DEFAULT:
            before = [rate for place, rate in defaults if place < n][-1:]
            after = [rate for place, rate in defaults if place > n][:1]
            found.setdefault(one.settings, []).append(one.rate / fmean(before + after))
    return {settings: fmean(several) for settings, several in found.items()}


def favourite(found: Mapping[Settings, float]) -> Settings:
    """The one with the highest ratio; the default where none is above it."""
    best = max(found, key=lambda settings: found[settings], default=DEFAULT)
    return best if found and found[best] > 1 else DEFAULT
