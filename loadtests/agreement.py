"""Does somebody else measure the same? ``python -m loadtests.agreement``: our percentiles beside those of ``hey``.

hey (Debian's package) sends at a fixed rate and writes each latency down; their percentiles are computed here by other
code than ours. Both ask the same server, one that draws the same service times for each and keeps up with both: where
a server falls behind the two must differ, since hey waits for answers before it asks again.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Sequence
from statistics import median, quantiles

from loadtests.canaries import stubbed
from loadtests.questions import tensors
from loadtests.suites import run

PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99}
WITHIN = 0.05
SERVER = ("--service-ms", "50", "--spread", "0.5")
CALLERS, RATE = 50, 200.0  # hey shares its rate out evenly among so many


def main() -> int:
    """0 where the medians of all rounds agree, 1 where not, 2 without hey."""
    options = argparse.ArgumentParser(prog="python -m loadtests.agreement", description=__doc__)
    options.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    options.add_argument("--seconds", type=int, default=30, help="of each run (%(default)s)")
    asked = options.parse_args()
    if not shutil.which("hey"):
        print("hey is not installed; Debian has it: apt-get install hey")
        return 2
    return _compared([(ours(asked.seconds), heys(asked.seconds)) for _ in range(asked.rounds)])


def _compared(pairs: Sequence[tuple[dict[str, float], dict[str, float]]]) -> int:
    worst = 0.0
    for name in PERCENTILES:
        mine, theirs = (median(figures[name] for figures in side) for side in zip(*pairs, strict=True))
        worst = max(worst, abs(mine / theirs - 1))
        print(f"{name}: ours {mine:.2f}, hey's {theirs:.2f}, {mine / theirs - 1:+.1%}")
    return int(worst > WITHIN)


def ours(seconds: int) -> dict[str, float]:
    """Percentiles as the suite finds them, at the same rate."""
    length = ("--level", str(RATE), "--seconds", str(seconds), "--warmup-s", "2")
    with stubbed(SERVER) as url:
        found = run("infer", "short", "--host", url, "--metrics-url", "", "--unofficial", *length)
    if found["verdict"] == "void":
        raise RuntimeError("; ".join(found["void"]))
    figures: dict[str, float] = found["calls"][0]
    return figures


def heys(seconds: int) -> dict[str, float]:
    """Percentiles of hey's own list of latencies."""
    asked = tensors(1)
    command = ["hey", "-o", "csv", "-z", f"{seconds}s", "-c", str(CALLERS), "-q", str(RATE / CALLERS), "-m", "POST"]
    command += ["-T", "application/json", "-d", asked.bodies[0].decode()]
    with stubbed(SERVER) as url:
        said = subprocess.run([*command, f"{url}{asked.path}"], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    if any(row["status-code"] != "200" for row in rows):
        raise RuntimeError("not every answer to hey was 200")
    cuts = quantiles((1000 * float(row["response-time"]) for row in rows), n=100)
    return {name: cuts[percent - 1] for name, percent in PERCENTILES.items()}


if __name__ == "__main__":
    sys.exit(main())
