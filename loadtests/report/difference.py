"""Whether two runs differ, or only seem to.

Latencies that lie close in time resemble each other, so neither requests nor seconds may be drawn alone: whole blocks
of seconds are, overlapping ones (the moving-block bootstrap; Künsch, Annals of Statistics 17, 1989). A block is 5 s at
least, ten times as long as a queue lives whose requests have a deadline of half a second. It is longer where
neighbouring seconds resemble each other more than that (Carlstein's length for an autoregression, Annals of Statistics
14, 1986). A minute has few blocks, for which plain bootstrap intervals are too narrow; they are widened by Student's t
(Hesterberg, The American Statistician 69, 2015). Five figures are looked at, and one of them would often differ by
chance; Holm's correction (Scandinavian Journal of Statistics 6, 1979) is for that. Where the load changes during a run,
blocks differ by plan, and all of this errs towards "no difference". It errs the other way where a level wanders over
tens of seconds: of the tests' simulated minutes one pair in eight is called different, where a second's level keeps
0.8 of the last one's, instead of one in twenty. Longer runs help.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm, t

from loadtests.report.histograms import Seconds, by_second, percentiles
from loadtests.report.page import asked, judged, verdict
from loadtests.shapes import Floats

FIGURES = ("p50_ms", "p95_ms", "p99_ms", "per_s", "goodput")
SHARES = (0.5, 0.95, 0.99)
BLOCK_S, BLOCKS = 5, 8  # with fewer blocks no difference, however large, would be told from chance
RESAMPLES = 2000
DOUBT = 0.05
AT_ONCE = 250  # resamples, to keep memory small
SAME = ("suite", "profile", "loop", "arrivals", "rows", "deadline_ms", "machine", "processor")


@dataclass(frozen=True)
class Difference:
    """One figure of both runs; ``low`` to ``high`` is the 95 % interval of B − A, ``p`` is after Holm's correction.

    ``visible`` is the smallest difference that such a pair would have shown four times in five.
    """

    name: str
    a: float
    b: float
    low: float
    high: float
    p: float
    visible: float
    matters: bool = True  # an open loop's rate does not: it is the plan

    @property
    def real(self) -> bool:
        return self.p <= DOUBT

    @property
    def sign(self) -> str:
        """What a real difference means: worse or better, different where the figure says only what was asked."""
        if not self.real:
            return "none"
        if not self.matters:
            return "different"
        return "worse" if (self.b > self.a) == self.name.endswith("_ms") else "better"


@dataclass(frozen=True)
class Comparison:
    """Run files A and B, how they differ, and ``objections``: why they cannot be compared."""

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    objections: Sequence[str]
    differences: Sequence[Difference] = ()
    block_s: int = BLOCK_S

    @property
    def verdict(self) -> str:
        """Worse if any figure is; "cannot say" where nothing was compared."""
        if not self.differences:
            return "cannot say"
        return "worse" if any(one.sign == "worse" for one in self.differences) else "no worse"


def compare(a: Mapping[str, Any], b: Mapping[str, Any], *, anyway: bool = False, seed: int = 1) -> Comparison:
    """How B differs from A. What cannot be compared is not, unless ``anyway``; runs that are too short never are."""
    objections = [*_voids(a, b), *_differing(a, b)]
    parts = _steady(a), _steady(b)
    length, needed = min(map(len, parts)), BLOCKS * BLOCK_S
    if length < needed:
        objections.append(f"{length} s after the warm-up; {needed} s are needed to tell a difference from chance")
    if length < needed or (objections and not anyway):
        return Comparison(a, b, objections)
    block_s = block_length(parts)
    found = differences(parts, (a["deadline_ms"], b["deadline_ms"]), block_s, seed)
    told = [replace(one, matters=one.name != "per_s" or b["loop"] == "closed") for one in found]
    return Comparison(a, b, objections, told, block_s)


def block_length(parts: Sequence[Seconds]) -> int:
    """In seconds, for the run whose seconds resemble their neighbours more; at least ``BLOCKS`` of them fit."""
    length = min(map(len, parts))
    alike = min(max(_alike(part) for part in parts), 0.95)
    carlstein = float((math.sqrt(6) * alike / (1 - alike**2)) ** (2 / 3) * length ** (1 / 3))
    return min(max(BLOCK_S, math.ceil(carlstein)), length // BLOCKS)


def _alike(part: Seconds) -> float:
    """The correlation of neighbouring seconds' mean logarithms of latency."""
    logs = np.log(part.values, out=np.zeros(len(part.values)), where=np.isfinite(part.values))
    told = part.answered > 0
    mean = (part.counts @ logs)[told] / part.answered[told]
    apart = mean - mean.mean() if len(mean) else mean
    return max(float(np.sum(apart[1:] * apart[:-1]) / max(np.sum(apart**2), 1e-12)), 0.0)


def differences(
    parts: tuple[Seconds, Seconds], deadlines_ms: tuple[float, float], block_s: int, seed: int = 1
) -> list[Difference]:
    """Each of ``FIGURES`` in both parts and how much of the difference is chance."""
    random = np.random.default_rng(seed)
    drawn, found = [], []
    for part, deadline_ms in zip(parts, deadlines_ms, strict=True):
        drawn.append(_figures(part, deadline_ms, _draws(len(part), block_s, random)))
        found.append(_figures(part, deadline_ms, np.ones((1, len(part))))[0])
    with np.errstate(invalid="ignore"):  # both without an answer: no difference
        apart = np.nan_to_num(drawn[1] - drawn[0], nan=0.0, posinf=np.inf, neginf=-np.inf)
    return _judged(found, apart, min(map(len, parts)) // block_s)


def _voids(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    named = (("A", a), ("B", b))
    why = [f"{name} is void: {'; '.join(run['void'])}" for name, run in named if verdict(run) == "void"]
    return why + [f"{name} judges no call" for name, run in named if judged(run) is None]


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What has to be the same in both, and is not."""
    why = [f"not the same {name}: {a.get(name)} and {b.get(name)}" for name in SAME if a.get(name) != b.get(name)]
    if a["stages"] != b["stages"]:
        why.append(f"not the same load: {asked(a)}; and {asked(b)}")
    if len(a["generators"]) != len(b["generators"]):
        why.append(f"not as many generators: {len(a['generators'])} and {len(b['generators'])}")
    return why


def _steady(run: Mapping[str, Any]) -> Seconds:
    """The judged call's whole seconds after the warm-up."""
    call = judged(run)
    first, last = math.ceil(run["warmup_s"]), math.floor(run["warmup_s"] + run["seconds"])
    return by_second(run["series"], call["name"] if call else "", last).between(first, last)


def _draws(length: int, block_s: int, random: np.random.Generator) -> Floats:
    """How often each second is in each resample."""
    starts = random.integers(0, length - block_s + 1, (RESAMPLES, math.ceil(length / block_s)))
    seconds = (starts[:, :, None] + np.arange(block_s)).reshape(RESAMPLES, -1)[:, :length]
    places = seconds + length * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * length).reshape(RESAMPLES, length).astype(float)


def _figures(part: Seconds, deadline_ms: float, weights: Floats) -> Floats:
    """For each row of weights a row of ``FIGURES``."""
    chunks = [weights[at : at + AT_ONCE] for at in range(0, len(weights), AT_ONCE)]
    latency = np.concatenate([percentiles(part.weighted(chunk), part.values, SHARES) for chunk in chunks])
    rate = weights @ part.answered / len(part)
    goodput = weights @ part.good(deadline_ms) / np.maximum(weights @ part.asked, 1)
    return np.column_stack([latency, rate, goodput])


def _judged(found: Sequence[Floats], apart: Floats, blocks: int) -> list[Difference]:
    """From the figures of A and B and a row of differences for each resample."""
    degrees, widened = 2 * blocks - 2, math.sqrt(blocks / (blocks - 1))
    tail = float(norm.sf(t.isf(DOUBT / 2, degrees) * widened))
    sides = np.minimum(np.sum(apart <= 0, axis=0), np.sum(apart >= 0, axis=0))
    corrected = holm([_p((side + 1) / (RESAMPLES + 1), blocks) for side in sides])
    power = t.isf(DOUBT / 2 / len(FIGURES), degrees) + t.isf(0.2, degrees)
    rows = []
    for place, name in enumerate(FIGURES):
        low, high = np.quantile(apart[:, place], [tail, 1 - tail], method="inverted_cdf")
        visible = power * (high - low) / (2 * t.isf(DOUBT / 2, degrees)) if np.isfinite([low, high]).all() else math.inf
        ends = (float(found[0][place]), float(found[1][place]), float(low), float(high))
        rows.append(Difference(name, *ends, corrected[place], float(visible)))
    return rows


def _p(side: float, blocks: int) -> float:
    """Two-sided, from the share of resamples beyond zero, widened as the intervals are."""
    normal = norm.isf(min(side, 0.5)) / math.sqrt(blocks / (blocks - 1))
    return min(2 * float(t.sf(normal, 2 * blocks - 2)), 1.0)


def holm(chances: Sequence[float]) -> list[float]:
    """Each chance as if it were the only one looked at (Holm 1979)."""
    corrected, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(np.argsort(chances, kind="stable").tolist()):
        least = max(least, min((len(chances) - rank) * chances[place], 1.0))
        corrected[place] = least
    return corrected
