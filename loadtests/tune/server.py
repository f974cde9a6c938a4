"""The capacity of the released inference server with some settings: a fresh process for every measurement."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from loadtests.capacity.probe import Prober, target
from loadtests.capacity.search import Found, Plan, Search
from loadtests.peers.environments import programs
from loadtests.peers.measure import wait_for_answer
from loadtests.peers.processes import serving
from loadtests.peers.roster import BENTOML, Peer
from loadtests.tune.settings import DEFAULT, Settings

ROOT = Path(__file__).parents[2]
SERVE = (*BENTOML, "service:LoadService")
RELEASED = Peer(ROOT.name, SERVE, "as make up starts it", path="", ours=True, place=ROOT.parent)

PROBE_S, CLOSE, MEASUREMENT_S = 4.5, 1.06, 90.0
OF_A_LONE_CALLER = 0.5
BELOW, JITTER, GROWTH = 0.75, 0.05, 1.25  # of the default's capacity: where the next search starts


class MeasurementError(Exception):
    """There is no capacity to compare; the text says why."""


@dataclass
class Bench:
    """Measures ``suite``; the server may use ``cores`` of the machine, and the generator keeps to others, if any."""

    suite: str
    limit_s: float
    cores: int
    workplace: Path
    usual: float | None = None  # what the default reached last

    def __call__(self, settings: Settings, seed: int) -> float:
        """Requests a second: the middle of the bracket. Raises ``MeasurementError``, or as probe and processes do."""
        with self._server(settings) as url:
            prober = Prober(target(self.suite, url, direct=True), self.limit_s)
            search = Search(prober, Plan(self.limit_s, PROBE_S, MEASUREMENT_S, CLOSE, 1000 * seed))
            if self.usual is None:
                found = search.bracket(OF_A_LONE_CALLER / prober.calm())
            else:
                nearly = Random(seed).uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - so that brackets' ends differ
                found = search.bracket(self.usual * BELOW * nearly, GROWTH)
        rate = self._middle(found, settings)
        if settings == DEFAULT:
            self.usual = rate
        return rate

    def _middle(self, found: Found, settings: Settings) -> float:
        """Of the bracket; where the generator is its upper end, the settings are at least as good as its lower."""
        if found.good is None:
            raise MeasurementError(f"no rate was found within the limit in {MEASUREMENT_S:g} s; {settings}")
        if found.generator_bound and settings == DEFAULT and self.usual is None:
            raise MeasurementError("the generator is the bound already with the defaults: there is nothing to tune")
        bad = None if found.generator_bound else found.bad
        return math.sqrt(found.good * (bad or found.good))

    @contextmanager
    def _server(self, settings: Settings) -> Iterator[str]:
        """Its address, once it answers. A process is born on the cores of who starts it."""
        more = {"FOREWATT_DATA": str(self.workplace / "data"), "FOREWATT_UNREADY_S": "0"}
        peer = replace(RELEASED, environment=settings.environment() | more)
        machine = sorted(os.sched_getaffinity(0))
        try:
            os.sched_setaffinity(0, machine[: self.cores])
            with serving(peer, programs(peer, self.workplace), Path(), self.workplace) as server:
                os.sched_setaffinity(0, machine[self.cores :] or machine)
                first = target(self.suite, server.url, direct=True)
                wait_for_answer(first.url, first.bodies[0])
                yield server.url
        finally:
            os.sched_setaffinity(0, machine)
