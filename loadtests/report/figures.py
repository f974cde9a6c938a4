"""A run in figures: latency, traffic and the server's own figures over the same time, and latency by percentile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from loadtests.report import words
from loadtests.report.drawing import CAUSES, COLOURS, Picture, Scale, Words, picture, time_axis
from loadtests.report.histograms import Seconds, percentiles, values_ms
from loadtests.shapes import Floats

MOST_BINS = 125
BIN_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
LINES = (("p50", 0.5, "low"), ("p95", 0.95, "mid"), ("p99", 0.99, "high"))
SHARES = {"p50_ms": 0.5, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
PANELS = {
    "queue_wait_ms": ("waiting in the queue", "ms"), "queue_rows": ("rows in the queue", ""),
    "batch_rows": ("rows a batch", ""), "compute_ms": ("computing a batch", "ms"),
    "rejected_per_s": ("rejected a second", ""), "cpu_share": ("CPU", "cores"), "rss_mb": ("memory", "MB"),
}  # fmt: skip
LATE = "late"  # right, but after the deadline
NINES = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


class Timeline:
    """A run's seconds, merged into bins that all its figures over time share."""

    def __init__(self, run: Mapping[str, Any], seconds: Seconds, targets: Sequence[tuple[str, float]]) -> None:
        self.run, self.seconds, self.targets = run, seconds, targets
        self.until = len(seconds)
        self.bin_s = next((size for size in BIN_S if self.until / size <= MOST_BINS), BIN_S[-1])
        self.starts = np.arange(0, max(self.until, 1), self.bin_s)
        self.lengths = np.minimum(self.starts + self.bin_s, max(self.until, 1)) - self.starts
        self.middles = self.starts + self.lengths / 2
        weights = np.repeat(np.eye(len(self.starts)), self.lengths, axis=1)[:, : self.until]
        self.latency = percentiles(seconds.weighted(weights), seconds.values, [share for _, share, _ in LINES])
        self.scale = Scale.of([*self.latency.ravel(), *self._curve(), *(limit for _, limit in targets)])

    def _curve(self) -> list[float]:
        return [value for value in curve(self.seconds.counts.sum(axis=0), self.seconds.values)[1] if value < math.inf]

    def a_second(self, many: Floats) -> Floats:
        """Something counted in each second as a mean a second in each bin."""
        return np.asarray(np.add.reduceat(many, self.starts) / self.lengths) if len(many) else np.zeros(1)

    def axis(self, axes: Axes, narrow: bool) -> None:
        time_axis(axes, self.until, self.run["warmup_s"], narrow)

    def every(self) -> str:
        return f"Each point covers {words.length(self.bin_s)}."


def latency(line: Timeline) -> Picture:
    """Percentiles over time, with the targets as lines and what was never answered at the top."""

    def draw(panels: Sequence[Axes], narrow: bool) -> None:
        (axes,) = panels
        axes.set_title("ms")
        line.scale.apply(axes)
        for column, (_, _, colour) in enumerate(LINES):
            found = line.latency[:, column]
            axes.plot(line.middles, np.where(np.isinf(found), np.nan, found), color=COLOURS[colour], marker=_dot(found))
        lost = np.isinf(line.latency[:, -1])
        axes.plot(line.middles[lost], np.full(lost.sum(), 0.97), "^", color=COLOURS["bad"], markersize=5,
                  transform=axes.get_xaxis_transform(), clip_on=False)  # fmt: skip
        for name, limit in line.targets:
            _limit(axes, f"{words.label(name)} ≤ {words.target(name, limit)}", limit)
        line.axis(axes, narrow)

    p99 = line.latency[np.isfinite(line.latency[:, -1]), -1]
    spread = f"p99 lies between {words.ms(float(p99.min()))} and {words.ms(float(p99.max()))}." if len(p99) else ""
    legend: list[tuple[str, ...]] = [(colour, name) for name, _, colour in LINES]
    legend += [("bad", "p99: no answer", "mark")] if np.isinf(line.latency[:, -1]).any() else []
    legend += [("target", "target", "dashed")] if line.targets else []
    return picture(Words("latency", "Latency over time", f"{line.every()} {spread}", legend), [260], draw)


def _dot(found: Floats) -> str | None:
    """Points that have no neighbour would not be seen."""
    return "." if len(found) < 40 or not np.isfinite(found).all() else None


def _limit(axes: Axes, text: str, limit: float) -> None:
    axes.axhline(limit, color=COLOURS["target"], linestyle=(0, (5, 3)), linewidth=1.2)
    axes.annotate(text, (1, limit), (-2, 4), xycoords=("axes fraction", "data"), textcoords="offset points",
                  ha="right", color=COLOURS["target"], fontsize=11)  # fmt: skip


def traffic(line: Timeline) -> Picture:
    """What was planned and what was answered, and below it what went wrong."""
    causes = by_cause(line)
    planned = planned_rate(line.run)

    def draw(panels: Sequence[Axes], narrow: bool) -> None:
        axes = panels[0]
        axes.set_title("requests/s")
        answered = line.a_second(line.seconds.answered)
        axes.plot(line.middles, answered, color=COLOURS["accent"], marker=_dot(answered))
        axes.plot(*planned, color=COLOURS["target"], linestyle=(0, (5, 3)), linewidth=1.2)
        axes.set_ylim(0, max([*answered, *planned[1], 1.0]) * 1.12)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        if causes:
            _stack(panels[1], line, causes)
        line.axis(panels[0], narrow)

    legend = [("accent", "answered")] + ([("target", "planned", "dashed")] if planned[0] else [])
    legend += [(CAUSES[place], cause, "area") for place, cause in enumerate(causes)]
    about = f"{line.every()} " + (f"Bad requests by cause: {', '.join(causes)}." if causes else "No request was bad.")
    told = Words("traffic", "Requests planned, answered and bad over time", about, legend)
    return picture(told, [150, 90] if causes else [150], draw)


def by_cause(line: Timeline) -> dict[str, Floats]:
    """Bad requests a second by cause, the most frequent first, as many as there are colours."""
    late = line.seconds.answered - line.seconds.good(line.run["deadline_ms"])
    found = dict(line.seconds.bad) | ({LATE: late} if late.any() else {})
    ranked = sorted(found, key=lambda cause: -found[cause].sum())
    if len(ranked) > len(CAUSES):
        rest = ranked[len(CAUSES) - 1 :]
        found["all others"] = np.sum([found[cause] for cause in rest], axis=0)
        ranked = [*ranked[: len(CAUSES) - 1], "all others"]
    return {cause: line.a_second(found[cause]) for cause in ranked}


def _stack(axes: Axes, line: Timeline, causes: Mapping[str, Floats]) -> None:
    axes.set_title("bad requests/s")
    base = np.zeros(len(line.starts))
    for colour, many in zip(CAUSES, causes.values(), strict=False):
        axes.bar(line.starts, many, line.lengths, base, align="edge", color=COLOURS[colour], linewidth=0)
        base = base + many
    axes.set_ylim(0, max(base.max() * 1.1, 0.1))
    axes.yaxis.set_major_locator(MaxNLocator(3))


def planned_rate(run: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """The plan as a line; callers that wait for answers have none."""
    if run["loop"] != "open" or not run["stages"]:
        return [], []
    clock = max(run["warmup_s"] + run["seconds"] - sum(stage[0] for stage in run["stages"]), 0.0)
    at, levels = list[float](), list[float]()
    for seconds, first, last in run["stages"]:
        at += [clock, clock + seconds]
        levels += [first, last]
        clock += seconds
    return at, levels


def server(line: Timeline) -> Picture | None:
    """What the server said of itself at the same times; nothing where it said nothing."""
    told = {name: _told(line, name) for name in PANELS}
    told = {name: found for name, found in told.items() if np.isfinite(found).any()}
    if not told:
        return None

    def draw(panels: Sequence[Axes], narrow: bool) -> None:
        for axes, (name, found) in zip(panels, told.items(), strict=True):
            what, unit = PANELS[name]
            axes.set_title(f"{what}, {unit}" if unit else what)
            axes.plot(line.middles, found, color=COLOURS["accent"], marker=_dot(found))
            axes.set_ylim(0, float(np.nanmax(found)) * 1.2 or 1.0)
            axes.yaxis.set_major_locator(MaxNLocator(3))
        line.axis(panels[0], narrow)

    said = Words(
        "server",
        "The server's own figures over the same time",
        line.every(),
        detail="; ".join(
            f"{PANELS[name][0]}: {words.number(float(np.nanmin(found)))} to {words.number(float(np.nanmax(found)))}"
            for name, found in told.items()
        ),
    )
    return picture(said, [64] * len(told), draw)


def _told(line: Timeline, name: str) -> Floats:
    """Means over the bins of one of the server's figures; NaN where it was not told."""
    total, many = np.zeros(len(line.starts)), np.zeros(len(line.starts))
    for one in line.run["metrics"]:
        place = int(one["second"] // line.bin_s)
        if one.get(name) is not None and 0 <= place < len(total):
            total[place] += one[name]
            many[place] += 1
    return np.asarray(np.divide(total, many, out=np.full(len(total), np.nan), where=many > 0))


def curve(many: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Nines (the logarithm of one in how many is slower) and the latency there, as far as the samples reach."""
    total = float(np.sum(many))
    if not total:
        return np.zeros(0), np.zeros(0)
    nines = np.append(np.arange(0, math.log10(total), 0.01), math.log10(total))
    return nines, percentiles(np.asarray(many), values, [float(share) for share in 1 - 10**-nines])


def by_percentile(
    curves: Sequence[tuple[str, Floats]],
    scale: Scale,
    limits: Sequence[tuple[str, float]] = (),
    legend: Sequence[tuple[str, ...]] = (),
) -> Picture:
    """Each curve is a colour and the counts of all counters of a histogram."""
    lines = [(colour, *curve(many, values_ms())) for colour, many in curves]

    def draw(panels: Sequence[Axes], narrow: bool) -> None:
        (axes,) = panels
        axes.set_title("ms")
        scale.apply(axes)
        furthest = max((nines[-1] for _, nines, _ in lines if len(nines)), default=2.0)
        for colour, nines, found in lines:
            axes.plot(nines, np.where(np.isinf(found), np.nan, found), color=COLOURS[colour])
            if len(found) and np.isinf(found[-1]):
                first = nines[np.isinf(found)][0]
                axes.axvspan(first, furthest, color=COLOURS["bad"], alpha=0.15, linewidth=0)
                axes.annotate("no answer", (first, 0.97), (4, 0), xycoords=("data", "axes fraction"),
                              textcoords="offset points", va="top", color=COLOURS["bad"], fontsize=11)  # fmt: skip
        for name, limit in limits:
            if name in SHARES:
                _bracket(axes, name, limit, furthest)
        axes.set_xlim(0, furthest)
        axes.grid(axis="x")
        ticks = [share for share in NINES if -math.log10(1 - share) <= furthest + 1e-6]
        axes.xaxis.set_major_locator(FixedLocator([-math.log10(1 - share) for share in ticks]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 - 10 ** (2 - x):.6g} %"))

    about = "The share of requests on the horizontal axis was answered within the time on the vertical one."
    return picture(Words("percentiles", "Latency by percentile", about, legend), [280], draw)


def _bracket(axes: Axes, name: str, limit: float, furthest: float) -> None:
    """A target stands where its percentile does: the curve has to pass below it."""
    at = -math.log10(1 - SHARES[name])
    axes.plot([max(at - 0.25, 0), min(at + 0.25, furthest)], [limit, limit], color=COLOURS["target"], linewidth=2)
    axes.plot([at], [limit], "v", color=COLOURS["target"], markersize=6)
    axes.annotate(f"{words.label(name)} ≤ {words.target(name, limit)}", (at, limit), (0, 7), textcoords="offset points",
                  ha="center", color=COLOURS["target"], fontsize=11, annotation_clip=True)  # fmt: skip
