"""Measure P3 to P9 and R6 of our server and write them into docs/measured.json: ``python -m loadtests.overload``."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from loadtests.overload import capacity, goodput, operation, promises
from loadtests.slo import STEADY_S, VoidError
from training.measured import record

MEASURED = Path(__file__).parents[2] / "docs" / "measured.json"
ROUNDS, TRIES, ROWS = 5, 10, 100_000

# What measures a row, given the length of a sustained run in seconds; P8 comes with P7.
SUITES: Mapping[str, Callable[[float], dict[str, float]]] = {
    "P3": lambda seconds: {"P3": capacity.lone_caller_ratio(ROUNDS, max(seconds / 12, 1.0))},
    "P4": lambda seconds: {"P4": capacity.batching_gain(seconds / 4)},
    "P5": lambda seconds: promises.answers_of_their_own(ROWS if seconds >= STEADY_S else ROWS // 50),
    "P6": lambda _: {"P6": promises.errors_for_one_bad_row(TRIES)},
    "P7": goodput.figures,
    "P9": lambda _: {"P9": promises.work_for_nobody()},
    "R6": operation.versions,
    "SIGTERM": lambda _: operation.stopping(),
}


def main() -> int:
    """Exit 0, or 2 where a run is void; void figures and those of short runs are printed and not written."""
    asked = _options().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # not without the server
    said = "python -m loadtests.overload" + (f" --only {asked.only}" if asked.only else "")
    void = False
    for name in asked.only.split(",") if asked.only else SUITES:
        try:
            found = SUITES[name](asked.seconds)
        except VoidError as why:
            void = True
            print(f"{name} is void: {why}", flush=True)
            continue
        print("\n".join(f"{row}: {value:.6g}" for row, value in found.items()), flush=True)
        if asked.seconds >= STEADY_S:
            record(MEASURED, found, said)
    return 2 if void else 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.overload", description=__doc__)
    options.add_argument("--only", default="", metavar="P3,P7", help=f"of {', '.join(SUITES)}; P8 comes with P7")
    length = "of each sustained run (%(default)s); shorter ones are unofficial"
    options.add_argument("--seconds", type=float, default=float(STEADY_S), help=length)
    return options


if __name__ == "__main__":
    sys.exit(main())
