"""R1: ``python -m loadtests.kills`` kills gateways and workers at random while months are ordered; what is lost?

Two stages, one after the other: gateways on one SQLite file (R1), gateways and workers on PostgreSQL and a Valkey
(R1@servers). Exit 0 where nothing is lost, stuck or double, else 1. Wants PostgreSQL's programs for the second stage.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from loadtests.kills.drill import drill, prepare
from loadtests.kills.judge import Verdict, judge
from loadtests.kills.stage import EMBEDDED, SERVERS, Stage, embedded, servers
from training.measured import record

COMMAND = "python -m loadtests.kills"
STAGES: dict[str, Callable[[Path], AbstractContextManager[Stage]]] = {EMBEDDED: embedded, SERVERS: servers}
FIGURES = {EMBEDDED: "R1", SERVERS: "R1@servers"}
OFFICIAL = 1000  # kills
ACCOUNTS = 1


def main() -> int:
    """One line for each stage; the figures of a thousand kills or more are written."""
    asked = _options().parse_args()
    wrong = 0
    for name in asked.stage or STAGES:
        with tempfile.TemporaryDirectory(prefix="kills") as folder, STAGES[name](Path(folder)) as stage:
            found, said = _drill(stage, asked)
        print(f"{name}: {said}; {found}", flush=True)
        if asked.kills >= OFFICIAL:
            record(Path("docs/measured.json"), {FIGURES[name]: found.wrong}, f"{COMMAND} --stage {name}")
        wrong += found.wrong
    return 1 if wrong else 0


def _drill(stage: Stage, asked: argparse.Namespace) -> tuple[Verdict, str]:
    keys = prepare(stage, ACCOUNTS)
    began = time.monotonic()
    book = drill(stage, keys, asked.kills, asked.seed)
    minutes = (time.monotonic() - began) / 60
    said = f"{asked.kills} kills in {minutes:.1f} min, {book.held_s:.0f} s of it held up by the machine"
    return judge(
        stage.database, book
    ), f"{said}; {len(book.accepted)} months accepted, {book.refused} times nobody could"


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--stage", action="append", choices=STAGES, help="one alone; both, if not given")
    options.add_argument("--kills", type=int, default=OFFICIAL, help="on each stage (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    return options


if __name__ == "__main__":
    sys.exit(main())
