"""A run of a suite under Locust: its options, what its generators write down, its verdict and exit code.

Several Locust processes (``--processes N``, or ``--master`` and ``--worker`` with ``--expect-workers N``) share one
schedule; each sends the master a page of its record now and then, and the master judges their sum.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed
from locust import LoadTestShape, events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtests import profiles
from loadtests.profiles import Profile, ProfileError
from loadtests.record import Book, Recorder
from loadtests.rights import shown
from loadtests.shapes import Floats, arrivals, length_s, level_at
from loadtests.verdict import EXIT, Asked, judge, publish
from loadtests.watch import Watch

USUAL = "short"  # where Locust's own option --profile names none
PAGE = "forewatt_page"  # the message a worker sends
PAGE_S, CPU_S = 5.0, 1.0
PATIENCE_S = 45.0  # from the last arrival to the end of a run in which somebody never comes back


class Session:
    """What one process knows of the run."""

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        self.environment, self.options = environment, options
        self.suite = Path(environment.parsed_locustfiles[0]).stem
        said = {name: getattr(options, name) for name in ("level", "seconds", "warmup_s")}
        changes = {name: value for name, value in said.items() if value is not None}
        self.profile: Profile = profiles.load(self.suite, options.profile or USUAL, **changes)
        self.length_s = length_s(self.profile.with_warmup)
        self.recorder = Recorder(self.profile.warmup_s)
        self.book = Book()
        self.began = 0.0

    @classmethod
    def of(cls, environment: Environment) -> Session:
        """The process's one; made when it is first asked for, since a worker learns its options from the master."""
        if not hasattr(environment, "session"):
            environment.session = cls(environment)
        session: Session = environment.session
        return session

    @property
    def generators(self) -> int:
        """How many processes share the schedule."""
        runner = self.environment.runner
        shared = isinstance(runner, MasterRunner | WorkerRunner)
        return max(int(self.options.expect_workers), 1) if shared else 1

    @property
    def index(self) -> int:
        """Which of them this one is."""
        return max(getattr(self.environment.runner, "worker_index", 0), 0) % self.generators

    @property
    def seed(self) -> int:
        """Another one for each generator, the same in each run."""
        return int(self.options.seed) + self.index

    def arrivals(self) -> Floats:
        """This generator's share: every n-th, warm-up included."""
        return self.planned()[self.index :: self.generators]

    def planned(self) -> Floats:
        """What all of them together are to send."""
        poisson = self.profile.arrivals == "poisson"
        return arrivals(self.profile.with_warmup, int(self.options.seed) if poisson else None)

    def begin(self) -> float:
        """When this process's first caller began, on the clock of ``perf_counter``."""
        if not self.began:
            self.began = perf_counter()
            gevent.spawn(self._account)
        return self.began

    def left(self, due: float, late_s: float) -> None:
        self.recorder.left(due - self.began, late_s)

    def dropped(self, due: float) -> None:
        self.recorder.dropped(due - self.began)

    def note(self, call: str, due: float, took_s: float, outcome: str, cause: str) -> None:
        self.recorder.note(call, due - self.began, took_s, outcome, cause)

    def _account(self) -> None:
        """CPU of this process while it is judged, and from time to time a page for the master."""
        gevent.sleep(self.profile.warmup_s)
        cpu, wall, page = time.process_time(), perf_counter(), perf_counter()
        while wall < self.began + self.length_s:
            gevent.sleep(min(CPU_S, max(self.began + self.length_s - wall, 0.01)))
            cpu_before, wall_before, cpu, wall = cpu, wall, time.process_time(), perf_counter()
            self.recorder.used(cpu - cpu_before, wall - wall_before)
            if wall - page > PAGE_S:
                self.turn_page()
                page = wall

    def turn_page(self) -> None:
        """Hand over what was written; alone, there is no hurry."""
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(PAGE, self.recorder.page())


class Schedule(LoadTestShape):
    """Tells Locust how many callers there are and when the run is over; every suite imports it."""

    def tick(self) -> tuple[int, float, list[type[Any]]] | None:
        """Open loop: one sender a generator. Closed loop: the level. Over when all have come back."""
        assert self.runner is not None  # noqa: S101 - Locust sets it before it asks
        environment = self.runner.environment
        session, now = Session.of(environment), self.get_run_time()
        if now > session.length_s and (self.runner.user_count == 0 or now > session.length_s + PATIENCE_S):
            return None
        callers = [caller for caller in environment.user_classes if caller.loop == session.profile.loop]
        if session.profile.loop == "open":
            return session.generators, 100.0, callers
        level = max(round(level_at(session.profile.with_warmup, min(now, session.length_s))), 1)
        return level, 1000.0, callers


@events.init_command_line_parser.add_listener
def _options(parser: argparse.ArgumentParser) -> None:
    ours = parser.add_argument_group("Forewatt", "What is asked and what is enough is written in loadtests/slo.toml.")
    ours.add_argument("--level", type=float, help="another level than the profile's")
    ours.add_argument("--seconds", type=float, help="another length than the profile's")
    ours.add_argument("--warmup-s", type=int, help="another warm-up than the profile's")
    ours.add_argument("--seed", type=int, default=1, help="of the arrivals (%(default)s)")
    ours.add_argument(
        "--unofficial", action="store_true", help="let short runs and small samples count; the report says so"
    )
    ours.add_argument("--out", default=".forewatt/load", help="the folder of reports (%(default)s)")
    metrics = "the inference server's, shown beside the latency (%(default)s); empty for none"
    ours.add_argument("--metrics-url", default="http://127.0.0.1:3000/metrics", help=metrics)


@events.init.add_listener
def _wire(environment: Environment, runner: Any, **_: object) -> None:  # noqa: ANN401 - one of Locust's four
    if isinstance(runner, WorkerRunner):
        return
    try:
        session = Session.of(environment)
    except ProfileError as wrong:
        sys.exit(str(wrong))
    environment.stop_timeout = PATIENCE_S
    if isinstance(runner, MasterRunner):
        runner.register_message(PAGE, lambda msg, **_: session.book.add(msg.node_id, msg.data))
    watch = Watch(session.options.metrics_url)
    events.test_start.add_listener(lambda **_: watch.start())
    events.quitting.add_listener(lambda **_: _finish(session, watch))


@events.test_stop.add_listener
def _last_page(environment: Environment, **_: object) -> None:
    Session.of(environment).turn_page()


def _finish(session: Session, watch: Watch) -> None:
    """Judge, write the report, and let the exit code say it: 0 enough, 1 not enough, 2 nothing can be said."""
    session.environment.process_exit_code = EXIT["void"]  # whatever breaks below: never green
    if not isinstance(session.environment.runner, MasterRunner):
        session.book.add("this process", session.recorder.page())
    asked = Asked(session.environment.host or "", not session.options.unofficial, session.generators, _command())
    run = judge(session.profile, session.planned(), session.book, asked)
    run |= {"metrics": watch.stop(), "server": _server(asked.host)}
    session.environment.process_exit_code = publish(run, Path(session.options.out))


def _server(host: str) -> dict[str, str]:
    """What answers there, in its own words."""
    try:
        said = json.loads(HTTPClient.from_url(host).get("/v2", headers=shown(host)).read())
        return {"name": str(said["name"]), "version": str(said["version"])}
    except (OSError, ValueError, LookupError, TypeError, HTTPConnectionClosed):
        return {}


def _command() -> str:
    """How it was started, to be typed again."""
    return shlex.join(["locust", *sys.argv[1:]])
