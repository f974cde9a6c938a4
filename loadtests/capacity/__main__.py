"""The highest Poisson arrival rate at which a p99 holds, on a started system.

Latency counts from when a request was due, and all that is not answered with 200 counts as never answered. Exit 0
with a confirmed rate, 1 without one, 2 where the generator and not the server is the bound.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from loadtests.capacity.probe import SUITES, NotCalmError, Prober, target
from loadtests.capacity.report import as_json, line, table
from loadtests.capacity.search import Found, Plan, Search

GATEWAY, INFERENCE = "http://127.0.0.1:8080", "http://127.0.0.1:3000"
OF_A_LONE_CALLER = 0.5  # of what one caller reaches who waits for each answer: where the search starts


def main() -> int:
    """See above."""
    asked = _options().parse_args()
    url = asked.url or (INFERENCE if asked.direct else GATEWAY)
    limit_s = asked.p99_ms / 1000
    metrics_url = asked.metrics_url or f"{url if asked.direct else INFERENCE}/metrics"
    prober = Prober(target(asked.suite, url, direct=asked.direct), limit_s, metrics_url)
    plan = Plan(limit_s, asked.seconds, asked.budget, seed=asked.seed)
    try:
        alone_s = prober.calm()
        start = OF_A_LONE_CALLER / alone_s
        print(f"a caller alone waits {1000 * alone_s:.1f} ms; from {start:.1f}/s on, for {plan.budget_s:.0f} s at most")
        found = Search(prober, plan, lambda probe: print(line(probe), flush=True)).run(start)
    except NotCalmError as why:
        print(f"{url} is not fit for it: {why}", file=sys.stderr)
        return 1
    print(table(asked.suite, limit_s, found), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps(as_json(asked.suite, url, plan, found), indent=1) + "\n")
    return exit_code(found)


def exit_code(found: Found) -> int:
    """The generator's limits come first."""
    if found.generator_bound:
        return 2
    return 0 if found.confirmed else 1


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.capacity", description=__doc__)
    options.add_argument("suite", choices=SUITES, help="what is asked")
    options.add_argument("--p99-ms", type=float, required=True, help="what must hold")
    options.add_argument("--url", help=f"{GATEWAY}, or {INFERENCE} with --direct")
    options.add_argument("--direct", action="store_true", help="the inference server itself and not the gateway")
    options.add_argument("--metrics-url", help="where the inference server says how it is")
    options.add_argument("--seconds", type=float, default=10.0, help="of a probe (%(default)s)")
    options.add_argument("--budget", type=float, default=Plan.budget_s, help="seconds for everything (%(default)s)")
    options.add_argument("--seed", type=int, default=Plan.seed, help="of the arrivals (%(default)s)")
    options.add_argument("--out", type=Path, metavar="FILE.json", help="everything, for programs")
    return options


if __name__ == "__main__":
    sys.exit(main())
