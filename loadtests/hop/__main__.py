"""Measure the hop through the gateway, write docs/hop.md and P1 to docs/measured.json: ``python -m loadtests.hop``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from loadtests.hop.measure import Found, busy, steady
from loadtests.hop.report import as_markdown, wrk_seconds
from loadtests.hop.servers import DIRECT, NGINX, TCP, UNIX, questions, ways
from loadtests.peers.measure import wrk
from loadtests.slo import STEADY_S, VoidError
from training.measured import machine, record

DOCS = Path(__file__).parents[2] / "docs"
MOST = 64  # connections


def main() -> int:
    """Exit 0, or 2 where a run is void; void figures and those of short runs are printed and not written."""
    seconds = _options().parse_args().seconds
    command = "python -m loadtests.hop"
    wrk()
    with tempfile.TemporaryDirectory(prefix="hop") as folder, ways(Path(folder)) as found_ways:
        bodies = questions(found_ways[0].url)
        written = Path(folder) / "questions.jsonl"
        written.write_bytes(b"\n".join(bodies) + b"\n")
        try:
            slow = [way for way in found_ways if way.name in (DIRECT, TCP, UNIX)]
            found = Found(steady(slow, bodies, seconds), busy(found_ways, written, wrk_seconds(seconds)))
        except VoidError as why:
            print(f"void: {why}")
            return 2
    figures = _figures(found)
    facts = f"{machine()}; {datetime.now(UTC).date().isoformat()}."
    page = as_markdown(found_ways, found, seconds, command, facts)
    print(page + "\n".join(f"{row}: {value:.4g}" for row, value in figures.items()))
    if seconds >= STEADY_S:
        (DOCS / "hop.md").write_text(page)
        record(DOCS / "measured.json", figures, command)
    return 0


def _figures(found: Found) -> dict[str, float]:
    """The rows of docs/measured.json; of the gateway as `make up` runs it, by the Unix socket."""
    rows = {"P1": found.extra_ms(UNIX, 0.5), "P1b": found.extra_ms(UNIX, 0.99), "P1@gateway64": found.ratio(UNIX, MOST)}
    return rows | ({"P1@nginx64": found.ratio(NGINX, MOST)} if (NGINX, MOST) in found.busy else {})


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.hop", description=__doc__)
    length = "at the steady rate for each way (%(default)s); shorter runs are unofficial"
    options.add_argument("--seconds", type=float, default=float(STEADY_S), help=length)
    return options


if __name__ == "__main__":
    sys.exit(main())
