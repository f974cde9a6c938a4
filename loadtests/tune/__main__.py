"""Find the settings of the batcher with which this machine answers the most within a p99, and write them into a file.

It starts the inference server itself, with the released model, on a free port and with a folder of its own. Exit 0 with
settings, which are the defaults where nothing is really better; 1 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from loadtests.capacity.probe import SUITES, NotCalmError
from loadtests.peers.measure import WrongError
from loadtests.peers.processes import StartError
from loadtests.tune.profile import Asked, as_env, as_json, line
from loadtests.tune.search import Tuner
from loadtests.tune.server import Bench, MeasurementError

BUDGET_S = 870.0


def main() -> int:
    """See above."""
    options = _options()
    asked = options.parse_args()
    machine = len(os.sched_getaffinity(0))
    if not 1 <= asked.cores <= machine:
        options.error(f"--cores must be 1 to {machine} on this machine")
    what = Asked(asked.suite, asked.p99_ms, asked.cores, shlex.join(["python", "-m", "loadtests.tune", *sys.argv[1:]]))
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # not without the server
    with TemporaryDirectory(prefix="forewatt-tune-") as workplace:
        bench = Bench(asked.suite, asked.p99_ms / 1000, asked.cores, Path(workplace))
        try:
            tuned = Tuner(bench, asked.cores, asked.budget, tell=lambda one: print(line(one), flush=True)).run()
        except (MeasurementError, NotCalmError, StartError, WrongError) as why:
            print(f"no tuning: {why}", file=sys.stderr)
            return 1
    print(as_env(what, tuned), flush=True)
    if asked.out:
        asked.out.write_text(as_env(what, tuned))
        report = as_json(what, tuned, time.monotonic() - began)
        asked.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.tune", description=__doc__)
    options.add_argument("suite", choices=SUITES, help="what is asked")
    options.add_argument("--p99-ms", type=float, required=True, help="what must hold")
    cores = "that the server may use (%(default)s); the generator keeps to the others, if any"
    options.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help=cores)
    options.add_argument("--budget", type=float, default=BUDGET_S, help="seconds for everything (%(default)s)")
    options.add_argument("--out", type=Path, metavar="FILE.env", help="the settings; FILE.json beside it says it all")
    return options


if __name__ == "__main__":
    sys.exit(main())
