"""The page of the hop: docs/hop.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from loadtests.hop.measure import CONNECTIONS, OPEN_ROUNDS, RATE, WRK_ROUNDS, Found
from loadtests.hop.servers import DIRECT, Way

PAGE = """# What does the hop through the gateway cost?

One row of JSON to the released load model, answered with 200 each time. {facts}

Made by `{command}`, which starts all servers itself: the inference server by `bentoml serve`, gateways that
reach it by TCP and by its Unix socket, and nginx by [its configuration](../deploy/nginx/forewatt.conf), rights cached.
The ways take turns in each round. Generator and servers share the machine's cores: compare differences and ratios. The
long way is the gateway's for all that is not ordinary (uvicorn, FastAPI, httpx over aiohttp); until the short way it
was the only one.
Why it is so: [decision 4](decisions/0004-the-gateways-hop.md).

## {rate:g} requests a second, by schedule

{rounds} rounds of {seconds:g} s each; milliseconds from when a request was due.

{steady}

## As many as come through

wrk on one thread, {wrk_rounds} rounds of {wrk_seconds:g} s; medians, in brackets the ratio to direct. CPU is that of
the gateway or of nginx alone.

{busy}
"""


def as_markdown(ways: Sequence[Way], found: Found, seconds: float, command: str, facts: str) -> str:
    """The whole page."""
    return PAGE.format(
        facts=facts,
        command=command,
        rate=RATE,
        rounds=OPEN_ROUNDS,
        seconds=seconds / OPEN_ROUNDS,
        wrk_rounds=WRK_ROUNDS,
        wrk_seconds=wrk_seconds(seconds),
        steady=_steady([way.name for way in ways if way.name in found.steady], found),
        busy=_busy([way.name for way in ways], found),
    )


def wrk_seconds(seconds: float) -> float:
    """How long each run of wrk takes, beside so many seconds at the steady rate."""
    return max(seconds / 60, 1.0)


def _steady(names: Sequence[str], found: Found) -> str:
    lines = ["| way | p50 | p99 | more than direct, p50 | p99 |", "|---|---|---|---|---|"]
    for name in names:
        cells = [f"{found.latency_ms(name, share):.2f}" for share in (0.5, 0.99)]
        extra = [f"{found.extra_ms(name, share):.2f}" if name != DIRECT else "" for share in (0.5, 0.99)]
        lines.append(f"| {' | '.join([name, *cells, *extra])} |")
    return "\n".join(lines)


def _busy(names: Sequence[str], found: Found) -> str:
    head = [f"{count} connection{'s' if count > 1 else ''}: requests/s, p99 ms" for count in CONNECTIONS]
    lines = [f"| way | {' | '.join(head)} | CPU µs an answer at {CONNECTIONS[-1]} |", "|---" * (len(head) + 2) + "|"]
    for name in names:
        cells = []
        for count in CONNECTIONS:
            runs = found.busy[name, count]
            per_s, p99 = median(run.per_s for run in runs), median(run.p99_ms for run in runs)
            cells.append(f"{per_s:,.0f} ({found.ratio(name, count):.2f}) · {p99:.1f}")
        cpu = median(run.cpu_us for run in found.busy[name, CONNECTIONS[-1]])
        lines.append(f"| {' | '.join([name, *cells, f'{cpu:.0f}' if cpu else ''])} |")
    return "\n".join(lines)
