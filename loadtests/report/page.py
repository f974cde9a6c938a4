"""A run file as a page and as Markdown: the verdict first, then what it rests on. Both are made from one view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from loadtests.report import figures, words
from loadtests.report.drawing import Picture
from loadtests.report.figures import SHARES, Timeline
from loadtests.report.histograms import by_second, counts

LONGER = "Let it run longer; --unofficial is for trying things out."
ADVICE = (
    ("of a core", "Share the load among more generators, or let them run on another machine."),
    ("when they were due", "Share the load among more generators, ask for less, or quieten the machine."),
    ("dropped", "The server takes less than is asked: ask for less, or let more requests be in flight."),
    ("nothing was asked", "Look whether the server runs and the address is right."),
    ("after the warm-up", LONGER),
    ("warm-up", "Warm up for longer."),
    ("samples", "Let it run longer, or ask more often."),
)
OUTCOMES = ("ok", "late", "rejected", "refused", "broken", "timeout", "no answer", "wrong")
MARKS = {"green": "✓", "red": "✕", "void": "∅"}
UNTOLD: Mapping[str, Any] = {"why": "", "processor": "", "versions": {}}
HIGHLIGHTS = ("p50_ms", "p95_ms", "p99_ms", "per_s", "goodput")


def render(run: Mapping[str, Any], folder: Path) -> Path:
    """Writes ``report.html`` and ``report.md`` into the folder; gives the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = view(run)
    (folder / "report.md").write_text(template("report.md").render(shown), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(template("report.html").render(shown, pictures=_pictures(run)), encoding="utf-8")
    return page


def template(name: str) -> Template:
    """A page, where everything is escaped, or Markdown, where the templates name what comes from outside."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=select_autoescape(["html"]),
        finalize=words.unbroken if name.endswith(".html") else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "ms": words.ms, "share": words.share, "whole": words.whole, "number": words.number,
        "length_of": words.length, "capitalize_first": words.sentence, "md": words.markdown, "code": words.code,
    }  # fmt: skip
    return pages.get_template(name)


def verdict(run: Mapping[str, Any]) -> str:
    """What the file says, unless its own void reasons or checks contradict: then the worse."""
    if run["void"] or run["verdict"] not in MARKS:
        return "void"
    return "red" if any(not check["good"] for check in run["checks"]) else str(run["verdict"])


def complete(run: Mapping[str, Any]) -> dict[str, Any]:
    """With everything that a run file may leave out."""
    server = {"version": "", "settings": {}} | (run.get("server") or {})
    return {**UNTOLD, **run, "server": server}


def judged(run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The call that the targets judge."""
    calls: list[Mapping[str, Any]] = run["calls"]
    return next((call for call in calls if call["verdict"]), calls[0] if calls else None)


def view(run: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that page and Markdown say, but for the figures."""
    said, checks = verdict(run), [_check(check) for check in run["checks"]]
    call = judged(run)
    return {
        "run": complete(run),
        "verdict": said,
        "mark": MARKS[said],
        "sentence": _sentence(said, run, checks),
        "asked": asked(run),
        "began": began(run),
        "checks": checks,
        "void": [(reason, _advice(reason)) for reason in run["void"]],
        "call": call,
        "highlights": [(words.label(name), words.figure(name, call[name]), _wanted(run, name)) for name in HIGHLIGHTS]
        if call
        else [],
        "outcomes": [one for one in OUTCOMES if any(call["outcomes"].get(one) for call in run["calls"])],
        "causes": _causes(run),
    }


def _sentence(said: str, run: Mapping[str, Any], checks: list[dict[str, Any]]) -> str:
    missed = [check for check in checks if not check["good"]]
    if said == "void":
        return f"This run says nothing about the server: {'; '.join(run['void']) or 'it has no verdict'}."
    if said == "green":
        whole = {0: "No target was set, so none is missed.", 1: "The one target is met."}
        return whole.get(len(checks), f"All {len(checks)} targets are met.")
    each = [f"{one['name']} {one['found']}, wanted {one['wanted']}" for one in missed]
    of = f"{len(missed)} of {words.plural(len(checks), 'target')} missed"
    return f"{of}: {'; '.join(each)}."


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    """A target in words, with how much is missing or to spare, and how long its bar is (50 = what was wanted)."""
    name, wanted, found = check["target"], check["wanted"], check["found"]
    gap = "without bound" if name.endswith("_ms") else words.NONE
    part = 2.0 if check["at_most"] else 0.0
    if found is not None:
        side = "over" if found > wanted else "under"
        gap = "exactly" if found == wanted else f"{words.apart(name, found - wanted)} {side}"
        gap += f" ({words.number(100 * abs(found / wanted - 1))} %)" if wanted and name not in words.PARTS else ""
        part = found / wanted if wanted else min(found * 1e6, 2.0)
    return {
        "name": words.label(name),
        "wanted": f"{'≤' if check['at_most'] else '≥'} {words.target(name, wanted)}",
        "found": words.figure(name, found),
        "gap": gap,
        "good": check["good"],
        "bar": round(50 * min(part, 2.0), 1),
    }


def _wanted(run: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    return next((_check(check) for check in run["checks"] if check["target"] == name), None)


def asked(run: Mapping[str, Any]) -> str:
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


def began(run: Mapping[str, Any]) -> str:
    """When it began, for people."""
    try:
        return datetime.fromisoformat(run["began"]).strftime("%-d %B %Y, %H:%M:%S %Z").strip()
    except ValueError:
        return str(run["began"])


def _advice(reason: str) -> str:
    return next((text for word, text in ADVICE if word in reason), "Mend this, then run it again.")


def _causes(run: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    found = [(call["name"], cause, many) for call in run["calls"] for cause, many in call["causes"].items()]
    return sorted(found, key=lambda one: -one[2])


def _pictures(run: Mapping[str, Any]) -> list[Picture]:
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
