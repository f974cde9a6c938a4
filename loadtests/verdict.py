"""From what was written down to green, red or void: 0 is enough, 1 is not enough, 2 says nothing and is never green."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtests.profiles import Profile
from loadtests.record import LOST, OK, OUTCOMES, REJECTED, Book, Cell, decoded, percentile_ms
from loadtests.report import render
from loadtests.shapes import Floats
from loadtests.slo import MAX_CPU_SHARE, MIN_ACHIEVED, STEADY_S, samples_needed
from training.measured import machine

EXIT: Mapping[str, int] = {"green": 0, "red": 1, "void": 2}
PERCENTS: Mapping[str, float] = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "p999_ms": 99.9, "max_ms": 100}
AT_LEAST = ("goodput", "per_s", "rows_per_s", "concurrency")
MIN_WARMUP_S, WARMING_S, WARMING = 5.0, 5.0, 1.5  # a median that is so much higher at first than later


@dataclass(frozen=True)
class Asked:
    """What of a run is neither the profile's nor the server's."""

    host: str
    official: bool = True
    generators: int = 1
    command: str = ""


def judge(profile: Profile, planned: Floats, book: Book, asked: Asked) -> dict[str, Any]:
    """The run as its report has it; ``planned`` are all arrivals of an open loop, warm-up included."""
    figures = {call: _figures(profile, book, call) for call in book.calls()}
    judged = figures.get(profile.suite, {})
    checks = [_check(target, wanted, judged.get(target, math.nan)) for target, wanted in profile.targets.items()]
    void = _void(profile, planned, book, asked)
    if asked.official and not void:
        void = _too_few(profile, book)
    said = "void" if void else "green" if all(check["good"] for check in checks) else "red"
    return {
        "suite": profile.suite,
        "profile": profile.name,
        "verdict": said,
        "void": void,
        "checks": checks,
        "official": asked.official,
        "host": asked.host,
        "command": asked.command,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "processor": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("forewatt", "locust", "gevent", "geventhttpclient")},
        **profile.model_dump(include={"why", "loop", "arrivals", "warmup_s", "deadline_ms", "rows"}),
        "stages": [list(stage) for stage in profile.stages],
        "seconds": profile.judged_s,
        "generators": _generators(book),
        "calls": [{"name": call, "verdict": call == profile.suite} | found for call, found in figures.items()],
        "series": [_second(*place, cell) for place, cell in sorted(book.cells.items(), key=lambda item: item[0][1])],
    }


def _figures(profile: Profile, book: Book, call: str) -> dict[str, Any]:
    """One call's numbers, warm-up left out."""
    cell = book.total(call, since=profile.warmup_s)
    count = max(cell.outcomes.total(), 1)
    latency: HdrHistogram = decoded(cell.latency)
    right = cell.outcomes[OK] + cell.outcomes["late"]
    dropped = sum(generator.dropped for generator in book.generators.values()) if call == profile.suite else 0
    return {
        "count": cell.outcomes.total(),
        "outcomes": {outcome: cell.outcomes[outcome] for outcome in OUTCOMES},
        "causes": dict(cell.causes),
        "per_s": right / profile.judged_s,
        "rows_per_s": right * profile.rows / profile.judged_s,
        "errors": sum(cell.outcomes[outcome] for outcome in LOST) / count,
        "rejected": cell.outcomes[REJECTED] / count,
        "goodput": cell.outcomes[OK] / (count + dropped),
        "mean_in_flight": cell.ok_s / profile.judged_s,
        "concurrency": (cell.ok_s + cell.outcomes[OK] * profile.pause_s) / profile.judged_s,  # Little's law
        **{name: percentile_ms(latency, percent) for name, percent in PERCENTS.items()},
        "histogram": cell.latency,
    }


def _check(target: str, wanted: float, found: float) -> dict[str, Any]:
    at_most = target not in AT_LEAST
    good = found <= wanted if at_most else found >= wanted  # NaN is neither
    return {"target": target, "wanted": wanted, "found": found, "at_most": at_most, "good": good}


def _void(profile: Profile, planned: Floats, book: Book, asked: Asked) -> list[str]:
    """Why the run says nothing about the server."""
    why = []
    if not any(call == profile.suite and second >= profile.warmup_s for call, second in book.cells):
        return ["nothing was asked; does the suite's address answer?"]
    for row in _generators(book):
        if (share := row["cpu_share"]) >= MAX_CPU_SHARE:
            why.append(f"{row['name']} took {share:.0%} of a core; from {MAX_CPU_SHARE:.0%} on it measures itself")
    if profile.loop == "open":
        why += _missing(int(np.sum(planned >= profile.warmup_s)), book)
    if asked.official and profile.judged_s < 0.99 * STEADY_S:
        why.append(f"{profile.judged_s:.0f} s after the warm-up; {STEADY_S} s are wanted")
    if asked.official and (reason := _warming(profile, book)):
        why.append(reason)
    return why


def _missing(planned: int, book: Book) -> list[str]:
    """Arrivals of the schedule that were not sent when they were due."""
    why = []
    generators = book.generators.values()
    dropped, punctual = sum(g.dropped for g in generators), sum(g.punctual for g in generators)
    if dropped:
        why.append(f"{dropped} of {planned} arrivals were dropped: too many requests were in flight")
    if punctual < MIN_ACHIEVED * planned:
        why.append(f"only {punctual / max(planned, 1):.1%} of {planned} arrivals left when they were due")
    return why


def _warming(profile: Profile, book: Book) -> str:
    if profile.warmup_s < MIN_WARMUP_S:
        return f"{profile.warmup_s:g} s of warm-up; {MIN_WARMUP_S:g} s are wanted"
    if profile.shape not in ("steady", "soak"):
        return ""
    border = profile.warmup_s + WARMING_S
    first = _median_ms(book.total(profile.suite, profile.warmup_s, border))
    rest = _median_ms(book.total(profile.suite, border))
    if first > WARMING * rest + 1:
        return f"warm-up too short: the median was {first:.1f} ms in the first {WARMING_S:g} s and {rest:.1f} ms later"
    return ""


def _median_ms(cell: Cell) -> float:
    return percentile_ms(decoded(cell.latency), 50)


def _too_few(profile: Profile, book: Book) -> list[str]:
    """Percentiles within their target that so few samples do not prove (MLPerf's early stopping)."""
    cell, why = book.total(profile.suite, since=profile.warmup_s), []
    latency: HdrHistogram = decoded(cell.latency)
    count = latency.get_total_count()
    for target, wanted in profile.targets.items():
        if target in PERCENTS and percentile_ms(latency, PERCENTS[target]) <= wanted:
            over = count - _within(latency, wanted)
            needed = samples_needed(PERCENTS[target] / 100, over)
            if count < needed:
                why.append(f"{count} samples with {over} over {wanted:g} ms; to claim {target} takes {needed}")
    return why


def _within(latency: HdrHistogram, limit_ms: float) -> int:
    """How many took no longer."""
    steps = latency.get_recorded_iterator()
    return sum(step.count_at_value_iterated_to for step in steps if step.value_iterated_to <= 1000 * limit_ms)


def _generators(book: Book) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "name": "the generator" if len(book.generators) == 1 else f"generator {index}",
            "cpu_share": found.cpu_s / found.wall_s if found.wall_s else 0.0,
            "planned": found.sent + found.dropped,
            "sent": found.sent,
            "punctual": found.punctual,
            "dropped": found.dropped,
            "lateness_p99_ms": percentile_ms(HdrHistogram.decode(found.lateness), 99) if found.lateness else 0.0,
        }
        for index, (_, found) in enumerate(sorted(book.generators.items()))
    ]


def _second(call: str, second: int, cell: Cell) -> dict[str, Any]:
    return {
        "call": call,
        "second": second,
        "count": cell.outcomes.total(),
        "bad": dict(cell.causes),
        "histogram": cell.latency,
    }


def publish(run: Mapping[str, Any], out: Path) -> int:
    """Print the verdict, write run.json and its report into a folder of their own; the exit code."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    folder = out / f"{run['suite']}-{run['profile']}-{stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    finite = _finite(run)
    (folder / "run.json").write_text(json.dumps(finite, indent=1, allow_nan=False) + "\n")
    print("\n".join(said(run)), flush=True)
    print(f"  report: {render(finite, folder)}", flush=True)
    return EXIT[run["verdict"]]


def said(run: Mapping[str, Any]) -> list[str]:
    """The verdict for a terminal: a line a target, with what missed by how much."""
    official = "" if run["official"] else ", unofficial"
    lines = [f"{run['suite']}.{run['profile']}: {run['verdict'].upper()}{official}"]
    lines += [f"  void: {reason}" for reason in run["void"]]
    for call in run["calls"]:
        lines += [f"  {call['name']}: {count} × {cause}" for cause, count in call["causes"].items()]
    for check in run["checks"]:
        wanted = f"{'at most' if check['at_most'] else 'at least'} {check['wanted']:g}"
        if check["found"] is None:  # a percentile of requests of which none was well
            lines.append(f"  {check['target']:<12}{wanted:<18}found nothing")
            continue
        miss = "" if check["good"] else f"  missed by {abs(check['found'] - check['wanted']):.4g}"
        lines.append(f"  {check['target']:<12}{wanted:<18}found {check['found']:.4g}{miss}")
    return lines


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """JSON has no infinity: null stands for it."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
