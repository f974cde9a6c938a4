"""A search in words, and in JSON."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from statistics import mean

from loadtests.capacity.search import Found, Plan, Probe
from loadtests.capacity.verdicts import Verdict
from training.measured import machine

SEEN = {
    "batch_rows": "rows a batch",
    "queue_wait_ms": "ms in the queue",
    "compute_ms": "ms a batch",
    "cpu_share": "of a core for the inference server",
    "rss_mb": "MB held by it",
    "generator_cpu": "of a core for the generator",
}


def line(probe: Probe) -> str:
    """One probe while the search goes on."""
    why = f" ({'; '.join(probe.outcome.void)})" if probe.outcome.void else ""
    return (
        f"{probe.purpose:>6} {probe.rate:9.1f}/s for {probe.seconds:4.1f} s: "
        f"p99 {1000 * probe.outcome.p99_s:8.1f} ms  {probe.verdict}{why}"
    )


def table(suite: str, limit_s: float, found: Found) -> str:
    """The result, then what the server said of itself at that rate."""
    words = [f"{suite}: {conclusion(found)} (p99 ≤ {1000 * limit_s:g} ms; {found.spent_s:.0f} s)"]
    for name, value in at_that_rate(found).items():
        words.append(f"  {value:10.2f} {SEEN[name]}")
    return "\n".join(words)


def per_s(rate: float) -> str:
    """Three digits say all that is known, and no more than whole requests."""
    return f"{rate:,.0f} requests/s" if rate >= 100 else f"{rate:.3g} requests/s"


def conclusion(found: Found) -> str:
    """One sentence; a rate that was not confirmed is not called one."""
    if found.good is None:
        return "no rate holds"
    hold, fail = len(found.said(found.good, Verdict.HOLDS)), len(found.said(found.bad, Verdict.FAILS))
    good = f"{per_s(found.good)} ({_probes(hold)} held)"
    if found.generator_bound:
        return f"at least {good}; the generator is the bound"
    bad = f"{per_s(found.bad)} ({_probes(fail)} failed)" if found.bad else "more"
    return f"{good}, not {bad}" if found.confirmed else f"between {good} and {bad}; give it more time with --budget"


def _probes(count: int) -> str:
    return f"{count} probe" + "s" * (count != 1)


def at_that_rate(found: Found) -> dict[str, float]:
    """Means over the probes that held at the rate found."""
    held = [probe.outcome.seen for probe in found.said(found.good, Verdict.HOLDS)]
    known = {name: [value for seen in held if (value := seen.get(name)) is not None] for name in SEEN}
    return {name: mean(values) for name, values in known.items() if values}


def as_json(suite: str, url: str, plan: Plan, found: Found) -> dict[str, object]:
    """Everything that was seen; what never ends is null."""
    return {
        "suite": suite,
        "url": url,
        "p99_ms": 1000 * plan.limit_s,
        "rate_per_s": found.good,
        "fails_at_per_s": found.bad,
        "confirmed": found.confirmed,
        "generator_bound": found.generator_bound,
        "conclusion": conclusion(found),
        "at_that_rate": at_that_rate(found),
        "seconds": round(found.spent_s, 1),
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "probes": [_probe(probe) for probe in found.probes],
    }


def _probe(probe: Probe) -> dict[str, object]:
    p99_ms = 1000 * probe.outcome.p99_s
    return {
        "purpose": probe.purpose,
        "rate_per_s": round(probe.rate, 2),
        "seconds": round(probe.seconds, 2),
        "seed": probe.seed,
        "requests": len(probe.outcome.due),
        "p99_ms": round(p99_ms, 3) if math.isfinite(p99_ms) else None,
        "verdict": probe.verdict.value,
        "void": probe.outcome.void,
        **probe.outcome.seen,
    }
