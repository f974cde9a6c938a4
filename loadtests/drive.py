"""One open-loop run from the command line, its figures as JSON: ``python -m loadtests.drive URL --body FILE …``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from loadtests import shapes, slo
from loadtests.open_loop import Target, run


def main() -> int:
    """Exit 0 for a valid run, 2 for a void one."""
    asked = _options().parse_args()
    if asked.burst:
        arrivals = shapes.burst(asked.burst)
    elif asked.poisson is not None:
        arrivals = shapes.poisson(asked.rate, asked.seconds, asked.poisson)
    else:
        arrivals = shapes.constant(asked.rate, asked.seconds)
    bodies = asked.body.read_bytes().splitlines()
    log = run(Target(asked.url, bodies, asked.deadline_ms, connections=asked.burst or 16), arrivals)
    void = slo.void_because(log, official=not asked.unofficial)
    print(json.dumps(log.summary() | {"official": not asked.unofficial, "void": void}, indent=1))
    return 2 if void else 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.drive", description=__doc__)
    options.add_argument("url", help="such as http://127.0.0.1:3000/v2/models/load/infer")
    options.add_argument("--body", type=Path, required=True, help="a file with one JSON body a line, sent in turn")
    options.add_argument("--rate", type=float, default=100.0, help="requests a second (%(default)s)")
    options.add_argument("--seconds", type=float, default=float(slo.STEADY_S), help="how long (%(default)s)")
    shape = options.add_mutually_exclusive_group()
    shape.add_argument("--poisson", type=int, metavar="SEED", help="random arrivals instead of even ones")
    shape.add_argument("--burst", type=int, metavar="N", help="N requests at once instead of a rate")
    options.add_argument("--deadline-ms", type=float, default=float(slo.DEADLINE_MS), help="(%(default)s)")
    options.add_argument("--unofficial", action="store_true", help="let short runs and small samples count")
    return options


if __name__ == "__main__":
    sys.exit(main())
