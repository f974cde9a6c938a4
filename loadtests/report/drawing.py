"""Figures as SVG that lives inside a page: its colours are the page's own, so that they follow light, dark and print.

Nothing but ticks and our own words is written into a figure; legends with words from outside are the page's.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtests.report import words

# Each name is a custom property of the page; the colour only carries it through matplotlib.
NAMES = (
    "ink", "muted", "grid", "shade", "target", "low", "mid", "high", "accent", "bad",
    "one", "two", "three", "four", "five", "six",
)  # fmt: skip
COLOURS = {name: f"#fe{place:02x}01" for place, name in enumerate(NAMES, 1)}
CAUSES = ("one", "two", "three", "four", "five", "six")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "forewatt", "text.parse_math": False, "font.size": 12,
    "text.color": COLOURS["muted"], "axes.edgecolor": COLOURS["grid"], "axes.labelcolor": COLOURS["muted"],
    "xtick.color": COLOURS["muted"], "ytick.color": COLOURS["muted"], "axes.unicode_minus": True,
    "xtick.major.size": 0, "ytick.major.size": 0, "xtick.major.pad": 6, "axes.spines.top": False,
    "axes.spines.right": False, "axes.spines.left": False, "axes.axisbelow": True,
    "grid.color": COLOURS["grid"], "grid.linewidth": 0.8,
    "lines.linewidth": 1.8, "lines.solid_joinstyle": "round", "path.simplify": True, "axes.titlesize": 12,
    "axes.titlecolor": COLOURS["muted"], "axes.titlelocation": "left", "axes.titlepad": 8,
}  # fmt: skip
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 32, 30  # pixels; the same everywhere, so that times stand above each other
WIDE, NARROW = 980, 350
STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
PLAIN = FuncFormatter(lambda y, _: words.plain(y))


@dataclass(frozen=True)
class Words:
    """What is said beside a figure, and in ``detail`` only to those who cannot see it.

    Its legend is pairs of colour and word, and where it is no line also "dashed", "area" or "mark".
    """

    name: str
    title: str
    about: str
    legend: Sequence[tuple[str, ...]] = ()
    detail: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure for wide and one for narrow pages."""

    words: Words
    wide: Markup
    narrow: Markup


def picture(told: Words, heights: Sequence[int], draw: Callable[[Sequence[Axes], bool], None]) -> Picture:
    """Panels of these heights above each other; ``draw`` fills them and is told whether they are narrow."""
    made = {}
    for kind, width in (("wide", WIDE), ("narrow", NARROW)):
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(width / 72, (sum(heights) + len(heights) * TOP + BOTTOM) / 72), dpi=72)
            draw(_panels(figure, heights), kind == "narrow")
            made[kind] = _inline(figure, f"{told.name}-{kind}", told)
    return Picture(told, **made)


def _panels(figure: Figure, heights: Sequence[int]) -> list[Axes]:
    width, height = figure.get_size_inches() * 72
    panels: list[Axes] = []
    top = height
    for tall in heights:
        top -= TOP + tall
        place = (LEFT / width, top / height, (width - LEFT - RIGHT) / width, tall / height)
        axes = figure.add_axes(place, sharex=panels[0] if panels else None)
        axes.tick_params(labelbottom=len(panels) == len(heights) - 1)
        axes.grid(axis="y")
        axes.yaxis.set_major_formatter(PLAIN)
        panels.append(axes)
    return panels


def _inline(figure: Figure, name: str, told: Words) -> Markup:
    """The figure without what only a file of its own needs, with names that are its own within the page."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    FigureCanvasSVG(figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", "", text, flags=re.S)
    box = re.search(r'viewBox="([^"]+)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{name}-\1"', body).replace("url(#", f"url(#{name}-")
    for colour, value in COLOURS.items():
        body = body.replace(value, f"var(--{colour})")
    body = re.sub(r"\n\s*", "\n", re.sub(r"font(?:-family)?: [^;\"]*", lambda found: _size(found[0]), body))
    about = escape(f"{told.about} {told.detail}".strip())
    head = (
        f'<svg viewBox="{box[1] if box else ""}" role="img" aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{escape(told.title)}</title><desc id="{name}-about">{about}</desc>'
    )
    return Markup(head + body + "</svg>")  # noqa: S704  # matplotlib escapes what it writes


def _size(style: str) -> str:
    """Of a text's style only its size: the letters are the page's."""
    size = re.search(r"[\d.]+px", style)
    return f"font-size: {size[0]}" if size else ""


def time_axis(axes: Axes, until: float, warmup_s: float, narrow: bool) -> None:
    """Seconds since the start below, the warm-up shaded."""
    step = next((s for s in STEPS_S if until / s <= (4 if narrow else 9)), STEPS_S[-1])
    unit_s, unit = (1, "s") if step < 60 else (60, "min") if step < 3600 else (3600, "h")
    axes.set_xlim(0, until)
    axes.xaxis.set_major_locator(FixedLocator(list(np.arange(0, until + 1e-9, step))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / unit_s:g} {unit}"))
    if warmup_s:
        for panel in axes.figure.axes:
            panel.axvspan(0, warmup_s, color=COLOURS["shade"], linewidth=0, zorder=0)


@dataclass(frozen=True)
class Scale:
    """Which latencies a figure shows: from zero on where they lie close together, else on a logarithmic axis."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, shown_ms: Sequence[float]) -> Scale:
        finite = [value for value in shown_ms if np.isfinite(value) and value > 0] or [1.0]
        low, high = min(finite), max(finite)
        if high / low > 12:
            return cls(low / 1.25, high * 1.5, True)
        return cls(0.0, high * 1.15, False)

    def apply(self, axes: Axes) -> None:
        """Sets limits and ticks in milliseconds."""
        if self.logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(FixedLocator(self._ticks()))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(PLAIN)
        axes.set_ylim(self.low, self.high)

    def _ticks(self) -> list[float]:
        decades = range(int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1)
        factors = (1, 2, 5) if np.log10(self.high / self.low) < 2.5 else (1,)
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        return [tick for tick in ticks if self.low <= tick <= self.high]
