"""R1: ``python -m loadtests.kills`` kills gateways and workers at random while months are ordered; what is lost?

Exit 0 where nothing is lost, stuck or double, else 1. Wants the PostgreSQL server's programs for the second stage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from loadtests.kills.drill import kill, ordering, prepare
from loadtests.kills.judge import Verdict, judge
from loadtests.kills.stage import EMBEDDED, Stage, embedded
from training.measured import record

STAGES: dict[str, Callable[[Path], AbstractContextManager[Stage]]] = {EMBEDDED: embedded}
OFFICIAL = 1000  # kills
ACCOUNTS = 3


def main() -> int:
    """One line for each stage."""
    asked = _options().parse_args()
    figures: dict[str, float] = {}
    for name in asked.stage or STAGES:
        with tempfile.TemporaryDirectory(prefix="kills") as folder, STAGES[name](Path(folder)) as stage:
            found, accepted = _drill(stage, asked)
        print(f"{name}: {asked.kills} kills, {accepted} months accepted; {found}", flush=True)
        figures[f"R1@{name}"] = found.lost + found.stuck + found.double
    if asked.kills >= OFFICIAL and not asked.stage:
        figures["R1"] = sum(figures.values())
        record(Path("docs/measured.json"), figures, "python -m loadtests.kills")
    return 1 if any(figures.values()) else 0


def _drill(stage: Stage, asked: argparse.Namespace) -> tuple[Verdict, int]:
    keys = prepare(stage, ACCOUNTS)
    with ordering(stage, keys, asked.rate) as book:
        kill(stage, asked.kills, asked.every, asked.seed)
    return judge(stage.database, book.accepted), len(book.accepted)


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.kills", description=__doc__)
    options.add_argument("--stage", action="append", choices=STAGES, help="one alone; both, if not given")
    options.add_argument("--kills", type=int, default=OFFICIAL, help="on each stage (%(default)s)")
    options.add_argument("--every", type=float, default=1.0, help="seconds between two, on average (%(default)s)")
    options.add_argument("--rate", type=float, default=1.0, help="months ordered a second (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    return options


if __name__ == "__main__":
    sys.exit(main())
