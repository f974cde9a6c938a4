"""A comparison of two runs as a page, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loadtests.report import words
from loadtests.report.difference import RESAMPLES, Comparison, Difference
from loadtests.report.drawing import COLOURS, Picture, Scale, Words, picture
from loadtests.report.figures import by_percentile, curve
from loadtests.report.histograms import counts, values_ms
from loadtests.report.page import MARKS, began, complete, judged, template, verdict

SHOWN = {"worse": "bad", "better": "five", "different": "ink", "none": "muted"}
MEANINGS = {"worse": "worse", "better": "better", "different": "different", "none": "may be chance"}
VERDICT_MARKS = {"worse": "✕", "no worse": "✓", "cannot say": MARKS["void"]}


def write(found: Comparison, folder: Path) -> Path:
    """Writes ``compare.html``, ``compare.md`` and ``compare.json`` into the folder; gives the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = view(found)
    (folder / "compare.json").write_text(json.dumps(as_json(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "compare.md").write_text(template("compare.md").render(shown), encoding="utf-8")
    page = folder / "compare.html"
    pictures = [_intervals(found), _curves(found)] if found.differences else []
    page.write_text(template("compare.html").render(shown, pictures=pictures), encoding="utf-8")
    return page


def view(found: Comparison) -> dict[str, Any]:
    """Everything that page and Markdown say, but for the figures."""
    return {
        "verdict": found.verdict,
        "mark": VERDICT_MARKS[found.verdict],
        "sentence": sentence(found),
        "objections": found.objections,
        "runs": [(name, complete(run), verdict(run), began(run)) for name, run in (("A", found.a), ("B", found.b))],
        "rows": [_row(one) for one in found.differences],
        "unofficial": [name for name, run in (("A", found.a), ("B", found.b)) if not run["official"]],
        "block_s": found.block_s,
        "resamples": RESAMPLES,
    }


def sentence(found: Comparison) -> str:
    """The outcome in one line."""
    if not found.differences:
        return f"These runs cannot be compared, for {words.plural(len(found.objections), 'reason')}."
    by_sign = {
        sign: [words.label(one.name) for one in found.differences if one.sign == sign] for sign in ("worse", "better")
    }
    told = [f"B is {sign} than A in {_and(names)}" for sign, names in by_sign.items() if names]
    return f"{'; '.join(told)}." if told else "No difference to the worse or better that this pair of runs can show."


def answer(one: Difference) -> str:
    """One figure's difference in plain words."""
    if not one.real:
        if one.low == one.high == 0:
            return "the same in both"
        seen = f"; one of {words.apart(one.name, one.visible)} would have been seen" if one.visible < math.inf else ""
        return f"no difference that this pair of runs can show{seen}"
    if math.isinf(one.a) != math.isinf(one.b):
        return f"{'now without' if math.isinf(one.b) else 'no longer without'} an answer: real"
    less, more = ("faster", "slower") if one.name.endswith("_ms") else ("less", "more")
    near, far = sorted(abs(end) for end in (one.low, one.high))
    least = words.apart(one.name, near)
    interval = f"{least} to {words.apart(one.name, far)}" if far < math.inf else f"at least {least}"
    return f"{more if one.b > one.a else less} by {words.apart(one.name, one.b - one.a)}, {interval}: real"


def as_json(found: Comparison) -> dict[str, Any]:
    """For programs; infinite figures are null, as in run files."""
    return {
        "verdict": found.verdict,
        "sentence": sentence(found),
        "objections": list(found.objections),
        "block_s": found.block_s,
        "resamples": RESAMPLES,
        "figures": [_finite(asdict(one)) | {"answer": answer(one), "sign": one.sign} for one in found.differences],
    }


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in row.items()}


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _row(one: Difference) -> dict[str, str]:
    return {
        "name": words.label(one.name),
        "a": words.figure(one.name, one.a),
        "b": words.figure(one.name, one.b),
        "apart": words.signed(one.name, one.b - one.a),
        "interval": f"{words.signed(one.name, one.low)} to {words.signed(one.name, one.high)}",
        "answer": answer(one),
        "sign": one.sign,
    }


def _intervals(found: Comparison) -> Picture:
    """What may be drawn of the intervals, each in percent of A's figure."""
    rows = [one for one in found.differences if one.a and np.isfinite([one.a, one.b, one.low, one.high]).all()]
    ends = [[100 * end / one.a for end in (one.low, one.b - one.a, one.high)] for one in rows]

    def draw(panels: Sequence[Axes], narrow: bool) -> None:
        (axes,) = panels
        for place, (low, middle, high) in enumerate(ends):
            colour = COLOURS[SHOWN[rows[place].sign]]
            axes.plot([low, high], [place, place], color=colour, linewidth=2.5, solid_capstyle="round")
            axes.plot([middle], [place], "o", color=colour, markersize=6)
        most = 1.1 * max((abs(end) for row in ends for end in row), default=1.0) or 1.0
        axes.axvline(0, color=COLOURS["ink"], linewidth=1)
        axes.set(xlim=(-most, most), ylim=(len(rows) - 0.4, -0.6), yticks=range(len(rows)))
        axes.set_yticklabels([words.label(one.name) for one in rows])
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+.3g} %".replace("-", "−") if x else "A"))

    about = "B − A in percent of A's figure, with its 95 % interval. A line that crosses A's mark may well be chance."
    legend = [(SHOWN[sign], word, "line") for sign, word in MEANINGS.items() if any(one.sign == sign for one in rows)]
    return picture(Words("intervals", "How far B is from A", about, legend), [36 * max(len(rows), 1)], draw)


def _curves(found: Comparison) -> Picture:
    held = [counts(call["histogram"]) for run in (found.a, found.b) if (call := judged(run))]
    shown = [value for many in held for value in curve(many, values_ms())[1]]
    lines = list(zip(("accent", "one"), held, strict=False))
    return by_percentile(lines, Scale.of(shown), legend=[("accent", "A"), ("one", "B")])
