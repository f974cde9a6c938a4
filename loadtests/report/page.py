"""A run file as a page and as Markdown: the verdict first, then what it rests on. Both are made from one view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loadtests.report import figures, words
from loadtests.report.figures import SHARES, Timeline
from loadtests.report.histograms import by_second, counts

ADVICE = (
    ("of a core", "Share the load among more generators, or let them run on another machine."),
    ("when they were due", "Share the load among more generators, ask for less, or quieten the machine."),
    ("dropped", "The server takes less than is asked: ask for less, or let more requests be in flight."),
    ("never sent", "Share the load among more generators; look whether the server takes connections at all."),
    ("nothing was asked", "Look whether the server runs and the address is right."),
    ("warm-up", "Warm up for longer."),
    ("samples", "Let it run longer, or ask more often."),
    ("are wanted", "Let it run longer; --unofficial is for trying things out."),
)
OUTCOMES = ("ok", "late", "rejected", "refused", "broken", "timeout", "no answer", "wrong")
MEANING = {
    "green": "Every target is met.",
    "red": "At least one target is missed.",
    "void": "This run says nothing about the server, neither good nor bad.",
}
MARKS = {"green": "✓", "red": "✕", "void": "∅"}
UNTOLD: Mapping[str, Any] = {"why": "", "processor": "", "versions": {}, "server": None}  # what a run may leave out
HIGHLIGHTS = ("p50_ms", "p95_ms", "p99_ms", "per_s", "goodput")


def render(run: Mapping[str, Any], folder: Path) -> Path:
    """Writes ``report.html`` and ``report.md`` into the folder; gives the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = view(run)
    (folder / "report.md").write_text(template("report.md").render(shown), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(template("report.html").render(shown, pictures=_pictures(run)), encoding="utf-8")
    return page


def template(name: str) -> Any:  # noqa: ANN401  # of Jinja's own kind
    """A page, where everything is escaped, or Markdown, where the templates name what comes from outside."""
    loader = FileSystemLoader(Path(__file__).with_name("templates"))
    pages = Environment(
        loader=loader,
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "ms": words.ms, "share": words.share, "rate": words.rate, "whole": words.whole, "number": words.number,
        "length_of": words.length, "capitalize_first": words.sentence, "md": words.markdown, "code": words.code,
    }  # fmt: skip
    return pages.get_template(name)


def verdict(run: Mapping[str, Any]) -> str:
    """What the file says, unless its own void reasons or checks contradict: then the worse."""
    if run["void"] or run["verdict"] not in MEANING:
        return "void"
    return "red" if any(not check["good"] for check in run["checks"]) else str(run["verdict"])


def judged(run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The call that the targets judge."""
    calls: list[Mapping[str, Any]] = run["calls"]
    return next((call for call in calls if call["verdict"]), calls[0] if calls else None)


def view(run: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that page and Markdown say, but for the figures."""
    said, checks = verdict(run), [_check(check) for check in run["checks"]]
    call = judged(run)
    return {
        "run": {**UNTOLD, **run},
        "verdict": said,
        "mark": MARKS[said],
        "sentence": _sentence(said, checks),
        "asked": _asked(run),
        "began": _moment(run["began"]),
        "checks": checks,
        "void": [(reason, _advice(reason)) for reason in run["void"]],
        "call": call,
        "highlights": [(words.label(name), words.figure(name, call[name]), _wanted(run, name)) for name in HIGHLIGHTS]
        if call
        else [],
        "outcomes": [one for one in OUTCOMES if any(call["outcomes"].get(one) for call in run["calls"])],
        "causes": _causes(run),
    }


def _sentence(said: str, checks: list[dict[str, Any]]) -> str:
    missed = [check for check in checks if not check["good"]]
    if said == "red" and missed:
        first = f"{missed[0]['name']} {missed[0]['found']}, wanted {missed[0]['wanted']}"
        return f"{len(missed)} of {words.plural(len(checks), 'target')} missed: {first}" + (
            f", and {words.plural(len(missed) - 1, 'more')}." if len(missed) > 1 else "."
        )
    if said == "green":
        return (
            f"{'Both' if len(checks) == 2 else 'All'} {len(checks)} targets are met."
            if len(checks) > 1
            else _few(checks)
        )
    return MEANING[said]


def _few(checks: list[dict[str, Any]]) -> str:
    return "The one target is met." if checks else "No target was set, so none is missed."


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """A target in words, with how much is missing or to spare, and how long its bar is (1 = what was wanted)."""
    name, wanted, found = check["target"], check["wanted"], check["found"]
    gap, part = "", 2.0 if check["at_most"] else 0.0
    if found is not None:
        apart = abs(found - wanted)
        beyond = "over" if found > wanted else "under"
        gap = "exact" if apart == 0 else f"{words.figure(name, apart)} {beyond}"
        gap += f" ({100 * apart / wanted:.3g} %)" if wanted and apart else ""
        part = found / wanted if wanted else (0.0 if found == 0 else 2.0)
    return {
        "name": words.label(name),
        "wanted": f"{'≤' if check['at_most'] else '≥'} {words.figure(name, wanted)}",
        "found": words.figure(name, found),
        "gap": gap or "without bound",
        "good": check["good"],
        "bar": round(50 * min(part, 2.0), 1),
    }


def _wanted(run: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    return next((_check(check) for check in run["checks"] if check["target"] == name), None)


def _asked(run: Mapping[str, Any]) -> str:
    """The load in words: how much, how long, how it came."""
    unit = "requests/s" if run["loop"] == "open" else "callers, each asking again once answered"
    levels = [level for _, *ends in run["stages"] for level in ends]
    most = max(levels, default=0)
    how = words.number(most) if min(levels, default=0) == most else f"up to {words.number(most)}"
    came = {"poisson": ", arriving independently (Poisson)", "constant": ", arriving evenly"}.get(run["arrivals"], "")
    came = came if run["loop"] == "open" else ""
    rows = f" of {words.plural(run['rows'], 'row')}" if run["rows"] != 1 else ""
    return (
        f"{how} {unit}{came}{rows}, for {words.length(run['seconds'])} after {words.length(run['warmup_s'])} of warm-up"
    )


def _moment(iso: str) -> str:
    try:
        return datetime.fromisoformat(iso).strftime("%-d %B %Y, %H:%M:%S %Z").strip()
    except ValueError:
        return iso


def _advice(reason: str) -> str:
    return next((text for word, text in ADVICE if word in reason), "Mend this, then run it again.")


def _causes(run: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    found = [(call["name"], cause, many) for call in run["calls"] for cause, many in call["causes"].items()]
    return sorted(found, key=lambda one: -one[2])


def _pictures(run: Mapping[str, Any]) -> list[Any]:
    call = judged(run)
    if call is None:
        return []
    last = max((one["second"] + 1 for one in run["series"]), default=0)
    length = max(int(np.ceil(run["warmup_s"] + run["seconds"])), min(last, 10**6))
    limits = [(check["target"], float(check["wanted"])) for check in run["checks"] if check["target"] in SHARES]
    line = Timeline(run, by_second(run["series"], call["name"], length), limits)
    steady = [("accent", counts(call["histogram"]))]
    found = [figures.latency(line), figures.by_percentile(steady, line.scale, limits), figures.traffic(line)]
    told = figures.server(line)
    return [*found, told] if told else found
