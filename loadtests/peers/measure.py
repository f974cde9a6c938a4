"""One server measured: its answers first, then wrk at each number of connections, warm."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from loadtests.open_loop import Target, drive
from loadtests.peers.forest import Floats, prediction
from loadtests.peers.processes import Server
from loadtests.peers.roster import HERE, Peer
from loadtests.shapes import burst

CONNECTIONS = (1, 16, 64, 256)
TOLERANCE = 1e-6
WARM_UP = 0.25  # of the measurement's time, at the same number of connections
FIRST_ANSWER_S = 60.0


class WrongError(Exception):
    """A server answers, but not what the model says."""


@dataclass(frozen=True)
class Measured:
    """``failed`` had no answer or none with 200; ``cpu_us`` is the server's, for each answer.

    ``others_cores`` is what neither the server nor wrk used of the machine meanwhile, its own upkeep included.
    """

    connections: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_us: float
    rss_mb: float
    others_cores: float

    def as_row(self) -> dict[str, float]:
        return asdict(self)


def wrk() -> str:
    """The program. Raises ``SystemExit`` with the way to get it."""
    found = shutil.which("wrk")
    if not found:
        raise SystemExit("wrk is not installed. Debian has it: apt-get install -y wrk")
    return found


def check(peer: Peer, server: Server, rows: Floats, expected: Floats) -> None:
    """Ask every row, many at once; raises ``WrongError`` for an answer that is not the model's."""
    bodies = [peer.body(row) for row in rows]
    target = Target(server.url, bodies, deadline_ms=30_000, connections=1, most=64, patience_s=30, keep_bodies=True)
    wait_for_answer(server.url, bodies[0])
    log = asyncio.run(drive(target, burst(len(bodies))))
    if (log.status != 200).any():
        raise WrongError(f"statuses {sorted(set(log.status.tolist()))} to {len(bodies)} right questions")
    if peer.echoes:
        if log.bodies != bodies:
            raise WrongError("an echo that is not one")
        return
    worst = float(np.max(np.abs(np.array([prediction(body) for body in log.bodies]) - expected)))
    if not worst <= TOLERANCE:
        raise WrongError(f"a prediction is off by {worst:g}")


def wait_for_answer(url: str, body: bytes) -> None:
    """Listening is not yet serving. Raises ``WrongError`` where nothing but errors come."""
    until = time.monotonic() + FIRST_ANSWER_S
    target = Target(url, [body], deadline_ms=30_000, connections=1, patience_s=30)
    while (asyncio.run(drive(target, burst(1))).status != 200).any():
        if time.monotonic() > until:
            raise WrongError(f"no answer with 200 in {FIRST_ANSWER_S:g} s")
        time.sleep(0.2)


def measure(server: Server, questions: Path, connections: int, seconds: float) -> Measured:
    """wrk on one thread for so long, after a warm-up that nobody counts."""
    _drive(server.url, questions, connections, max(1.0, WARM_UP * seconds))
    began, machine, generator, own = time.monotonic(), _machine_cpu_s(), _wrk_cpu_s(), server.cpu_s()
    found = _drive(server.url, questions, connections, seconds)
    used, others = server.cpu_s() - own, _machine_cpu_s() - machine - (_wrk_cpu_s() - generator)
    answered = found["requests"] - found["refused"]
    return Measured(
        connections=connections,
        requests_per_s=answered / found["seconds"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        failed=int(found["refused"] + found["failed"] + found["timed_out"]),
        cpu_us=1e6 * used / answered if answered else float("nan"),
        rss_mb=server.rss_mb(),
        others_cores=max(0.0, others - used) / (time.monotonic() - began),
    )


def _machine_cpu_s() -> float:
    """What all programs have used since the machine started; time that its host took away is nobody's."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _wrk_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of ended children: wrk has, servers have not
    return used.ru_utime + used.ru_stime


def _drive(url: str, questions: Path, connections: int, seconds: float) -> dict[str, float]:
    options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(HERE / "wrk.lua")]
    asked = [wrk(), *options, url, "--", str(questions)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout  # noqa: S603
    counted: dict[str, float] = json.loads(said.splitlines()[-1])
    return counted
