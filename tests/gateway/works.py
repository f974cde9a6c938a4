"""Work on tasks without the worker: a run that notes what it is told, and a program that stands where a fit stands."""

import json
import sys
import threading
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from gateway import measurements, tasks
from gateway.settings import Settings
from gateway.tasks import Lease, LostError

# Where no broker is: tasks are kept, and nobody works on them but the test.
NO_BROKER = {"CELERY_BROKER_URL": "redis://127.0.0.1:9/0"}

# What `python -m training load` promises, at the price of nothing: it reads the snapshot, reports, publishes and ends
# as the test wants. {play} is run in between, with `options` and `say` at hand.
PROGRAM = """
import argparse, hashlib, json, os, pathlib, signal, sys, threading, time
def watch():
    os.read(0, 1)  # not through sys.stdin, whose lock would abort the end
    os._exit(7)
parser = argparse.ArgumentParser()
for name in ("snapshot", "out", "name", "timezone", "country", "subdivision"):
    parser.add_argument(f"--{{name}}")
parser.add_argument("--attached", action="store_true")
options = parser.parse_args()
if options.attached:
    threading.Thread(target=watch, daemon=True).start()
def say(**words):
    print(json.dumps(words), flush=True)
snapshot = pathlib.Path(options.snapshot).read_bytes()
version = "20240501-" + hashlib.sha256(snapshot).hexdigest()[:16]
say(stage="replaying", progress=12, left_s=31.0)
{play}
card = pathlib.Path(options.out, "card", "card.md")
card.parent.mkdir(parents=True)
card.write_text("# How good it is\\n")
place = pathlib.Path(os.environ["FOREWATT_MODELS"], options.name)
place.mkdir(parents=True, exist_ok=True)
(place / "current").write_text(version + "\\n")
say(**({{"version": version, "kept": True, "reason": None, "scores": {{"Q1": 0.8}}, "card": "card.md"}} | {end}))
"""


def program(play: str = "", **end: object) -> tuple[str, ...]:
    """A command; ``end`` changes its last line."""
    return sys.executable, "-c", PROGRAM.format(play=play, end=repr(end))


@dataclass
class Run:
    """Of one attempt; ``at`` is told of each report."""

    lease: Lease
    database: Engine
    settings: Settings
    stopped: threading.Event = field(default_factory=threading.Event)
    told: list[tuple[int, str, float | None]] = field(default_factory=list)
    at: dict[str, object] = field(default_factory=dict)

    def report(self, progress: int, stage: str, left_s: float | None) -> None:
        self.told.append((progress, stage, left_s))
        if stage in self.at:
            self.at[stage]()

    def check(self) -> None:
        if self.stopped.is_set():
            raise LostError


def claimed(database: Engine, settings: Settings, number: UUID, **at: object) -> Run:
    """The next attempt at a task."""
    lease = tasks.claim(database, number)
    assert lease is not None
    return Run(lease, database, settings, at=at)


def store_days(database: Engine, owner: str, first: date, days: int, load=lambda n: 100.0 + n % 7) -> None:
    """So many days of an owner from the first on, with a temperature now and then."""
    rows = {first + timedelta(n): [15.5 if n % 3 else None, None, None, load(n)] for n in range(days)}
    measurements.keep(database, measurements.begin(owner, "power", "made.xlsx", "all"), rows)


def ends(path: Path) -> list[dict[str, object]]:
    """Each line of a file of JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]
