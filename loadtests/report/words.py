"""Numbers as people read them: three digits, a unit, and "no answer" where a time is infinite."""

from __future__ import annotations

import math
import re

NONE = "–"


def number(value: float | None) -> str:
    """Three significant digits, never fewer than the whole part has."""
    if value is None or math.isnan(value):
        return NONE
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(2 - math.floor(math.log10(abs(float(f"{value:.3g}")))), 0)
    return f"{value:,.{min(decimals, 6)}f}"


def ms(value: float | None) -> str:
    """A latency; the files say null where it is infinite. NaN is the latency of nothing."""
    if value is None or math.isinf(value):
        return "no answer"
    return f"{number(value / 1000)} s" if abs(value) >= 10_000 else f"{number(value)} ms"


def share(value: float | None) -> str:
    """A fraction in percent, with as many digits as tell it from all and from none."""
    if value is None or math.isnan(value):
        return NONE
    edge = min(abs(value), abs(1 - value))
    if edge == 0:
        return f"{100 * value:.0f} %"
    decimals = min(max(1 - math.floor(math.log10(100 * edge)), 1), 6)
    return f"{100 * value:.{decimals}f} %"


def rate(value: float | None) -> str:
    return NONE if value is None or math.isnan(value) else f"{number(value)}/s"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def length(seconds: float) -> str:
    """A time span: seconds up to two minutes, then minutes, then hours."""
    if seconds <= 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def plural(many: float, one: str) -> str:
    return f"{whole(many)} {one if many == 1 else one + 's'}"


LABELS = {
    "p50_ms": "p50", "p90_ms": "p90", "p95_ms": "p95", "p99_ms": "p99", "p999_ms": "p99.9", "max_ms": "slowest",
    "per_s": "answered", "rows_per_s": "rows a second", "concurrency": "right answers in flight",
}  # fmt: skip
PARTS = ("goodput", "errors", "rejected")  # of one


def label(name: str) -> str:
    """A figure's name without its unit."""
    return LABELS.get(name) or name.removesuffix("_ms").replace("_", " ")


def figure(name: str, value: float | None) -> str:
    """A figure in the unit that its name tells."""
    if name.endswith("_ms"):
        return ms(value)
    if name.endswith("per_s"):
        return rate(value)
    return share(value) if name in PARTS else number(value)


def target(name: str, value: float) -> str:
    """As ``figure``, with no digit that nobody asked for."""
    unit = " ms" if name.endswith("_ms") else "/s" if name.endswith("per_s") else " %" if name in PARTS else ""
    return plain(100 * value if name in PARTS else value) + unit


def apart(name: str, value: float) -> str:
    """How far two figures are from each other, either way; shares in percentage points."""
    value = abs(value)
    if name in PARTS and math.isfinite(value):
        return f"{number(100 * value)} points"
    return "without bound" if math.isinf(value) else figure(name, value)


def plain(value: float) -> str:
    """A tick of an axis."""
    return f"{value:,.10g}"


def markdown(text: object) -> str:
    """Words from outside within Markdown: no markup of their own, no end of a table's cell."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """A line of code in Markdown, whatever marks are in it."""
    line = " ".join(str(text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    return f"{fence} {line} {fence}" if "`" in line else f"`{line}`"


def sentence(text: str) -> str:
    """With a capital at its head and without a stop at its end."""
    return (text[:1].upper() + text[1:]).rstrip(".")


def signed(name: str, value: float) -> str:
    """A difference with its direction."""
    if value == 0 or math.isnan(value):
        return "0" if value == 0 else NONE
    return f"{'+' if value > 0 else '−'}{'∞' if math.isinf(value) else apart(name, value)}"


def unbroken(said: object) -> object:
    """Plain text whose units stay on the line of their number; anything else as it is."""
    return re.sub(r"(?<=\d) (?=(?:ms|s|min|h|points)\b|%)", "\u00a0", said) if type(said) is str else said
