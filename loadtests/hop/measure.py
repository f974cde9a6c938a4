"""Two measurements of each way: 100 requests a second by schedule, and as many as wrk's connections carry."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from loadtests import shapes
from loadtests.answers import Log, percentile
from loadtests.hop.servers import DIRECT, INFER, Way
from loadtests.open_loop import Target, run
from loadtests.peers.measure import wrk
from loadtests.peers.roster import HERE as PEERS
from loadtests.slo import MAX_CPU_SHARE, VoidError, refuse_void

RATE = 100.0
DEADLINE_MS = 2000
OPEN_ROUNDS, WRK_ROUNDS = 6, 15  # many short ones: what disturbs a machine lasts longer than one of them
CONNECTIONS = (1, 16, 64)


@dataclass(frozen=True)
class Busy:
    """One run of wrk; ``cpu_us`` is what the process in between used for an answer."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Found:
    """By name of the way: latencies at the steady rate, runs of wrk by connections."""

    steady: dict[str, list[Log]]
    busy: dict[tuple[str, int], list[Busy]]

    def latency_ms(self, name: str, share: float) -> float:
        """Over all rounds."""
        return 1000 * percentile(np.concatenate([log.latency for log in self.steady[name]]), share)

    def extra_ms(self, name: str, share: float) -> float:
        """This way minus direct."""
        return self.latency_ms(name, share) - self.latency_ms(DIRECT, share)

    def ratio(self, name: str, connections: int) -> float:
        """Requests a second over those of the direct way in the same round; the median of the rounds."""
        pairs = zip(self.busy[name, connections], self.busy[DIRECT, connections], strict=True)
        return median(way.per_s / direct.per_s for way, direct in pairs)


def steady(ways: Sequence[Way], bodies: Sequence[bytes], seconds: float) -> dict[str, list[Log]]:
    """``seconds`` of each way, in rounds; who begins turns. Raises ``VoidError``."""
    found: dict[str, list[Log]] = {way.name: [] for way in ways}
    arrivals = shapes.constant(RATE, seconds / OPEN_ROUNDS)
    for number in range(OPEN_ROUNDS):
        for way in _turned(ways, number):
            log = run(Target(way.url + INFER, bodies, DEADLINE_MS, headers=way.headers, connections=4), arrivals)
            if not log.admitted.all():
                raise VoidError(f"{way.name}: statuses {sorted(set(log.status.tolist()))}, and 200 is wanted")
            refuse_void([log], official=False)
            found[way.name].append(log)
    return found


def busy(ways: Sequence[Way], questions: Path, seconds: float) -> dict[tuple[str, int], list[Busy]]:
    """wrk on every way, in rounds, after a warm-up that nobody counts. Raises ``VoidError``."""
    found: dict[tuple[str, int], list[Busy]] = {}
    for connections in CONNECTIONS:
        for way in ways:
            _drive(way, questions, connections, 1)
        for number in range(WRK_ROUNDS):
            for way in _turned(ways, number):
                one = _drive(way, questions, connections, seconds)
                found.setdefault((way.name, connections), []).append(one)
    return found


def _turned(ways: Sequence[Way], number: int) -> list[Way]:
    first = number % len(ways)
    return [*ways[first:], *ways[:first]]


def _drive(way: Way, questions: Path, connections: int, seconds: float) -> Busy:
    options = ["-t1", f"-c{connections}", f"-d{max(seconds, 1):.0f}s", "--timeout", "10s"]
    options += [word for name, value in way.headers.items() for word in ("-H", f"{name}: {value}")]
    asked = [wrk(), *options, "-s", str(PEERS / "wrk.lua"), way.url + INFER, "--", str(questions)]
    began, generator = way.cpu_s(), _children_cpu_s()
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
    counted: dict[str, float] = json.loads(said.splitlines()[-1])
    used, share = way.cpu_s() - began, (_children_cpu_s() - generator) / counted["seconds"]
    if bad := sum(counted[kind] for kind in ("refused", "failed", "timed_out")):
        raise VoidError(f"{way.name}: {bad:.0f} of {counted['requests']:.0f} not answered with 200")
    if share >= MAX_CPU_SHARE:
        raise VoidError(f"{way.name}: wrk took {share:.0%} of a core; below {MAX_CPU_SHARE:.0%} it measures others")
    answered = counted["requests"]
    return Busy(answered / counted["seconds"], counted["p50_ms"], counted["p99_ms"], 1e6 * used / answered)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of ended children: wrk has, servers have not
    return used.ru_utime + used.ru_stime
