"""Measure all peers in rounds and write docs/peers.md and docs/peers.json: ``python -m loadtests.peers``."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtests.peers import forest
from loadtests.peers.environments import InstallError, programs
from loadtests.peers.measure import CONNECTIONS, Measured, WrongError, check, measure, wrk
from loadtests.peers.processes import StartError, serving
from loadtests.peers.report import as_markdown, write_json
from loadtests.peers.roster import PEERS, Peer
from training.measured import machine

DOCS = Path(__file__).parents[2] / "docs"


class Bench:
    """The rounds, what they found, and who could not take part."""

    def __init__(self, peers: Sequence[Peer], data: Path, seconds: float) -> None:
        self.peers, self.data, self.seconds = peers, data, seconds
        self.graph = forest.exported(data)
        self.rows = forest.rows()
        self.expected = forest.answers(self.graph, self.rows)
        self.found: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
        self.missing: dict[str, str] = {}

    def round(self, number: int) -> None:
        """Every server once; who starts turns, so that nobody always follows the same neighbour."""
        first = number % len(self.peers)
        for peer in (*self.peers[first:], *self.peers[:first]):
            if peer.name not in self.missing:
                try:
                    self._measure(peer)
                except (InstallError, StartError, WrongError, subprocess.CalledProcessError) as failure:
                    self.missing[peer.name] = " ".join(str(failure).split())
                    print(f"{peer.name}: {failure}", file=sys.stderr, flush=True)

    def _measure(self, peer: Peer) -> None:
        workplace = self.data / peer.name
        workplace.mkdir(parents=True, exist_ok=True)
        questions = workplace / "questions.jsonl"
        questions.write_bytes(b"\n".join(peer.body(row) for row in self.rows) + b"\n")
        with serving(peer, programs(peer, self.data), self.graph, workplace) as server:
            check(peer, server, self.rows, self.expected)
            for connections in CONNECTIONS:
                one = measure(server, questions, connections, self.seconds)
                self.found[peer.name].append(one)
                figures = f"{one.requests_per_s:,.0f}/s p50 {one.p50_ms:.2f} p99 {one.p99_ms:.1f} ms"
                print(f"{peer.name} c={connections}: {figures}, {one.failed} failed", file=sys.stderr, flush=True)


def main() -> int:
    """Exit 0 when everybody took part, 1 when someone is missing."""
    asked = _options().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # not without the server
    wrk()
    chosen = [peer for peer in PEERS if not asked.only or peer.name in asked.only.split(",")]
    data = Path(os.environ.get("FOREWATT_DATA", ".forewatt")).resolve() / "peers"
    bench = Bench(chosen, data, asked.seconds)
    for number in range(asked.rounds):
        bench.round(number)
    command = f"python -m loadtests.peers --rounds {asked.rounds} --seconds {asked.seconds:g}"
    day = datetime.now(UTC).date().isoformat()
    facts = (
        f"{machine()}, {_processor()}, Linux {platform.release()}; {asked.rounds} rounds of {asked.seconds:g} s; {day}."
    )
    text = as_markdown(chosen, bench.found, bench.missing, facts, command)
    print(text)
    if not asked.only:
        (DOCS / "peers.md").write_text(text)
        about = {"command": command, "date": day, "machine": machine(), "processor": _processor()}
        write_json(DOCS / "peers.json", chosen, bench.found, about | {"missing": bench.missing})
    return 1 if bench.missing else 0


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m loadtests.peers", description=__doc__)
    options.add_argument("--rounds", type=int, default=3, help="how often everybody is measured (%(default)s)")
    options.add_argument("--seconds", type=float, default=8.0, help="for each number of connections (%(default)s)")
    options.add_argument("--only", default="", metavar="A,B", help="only these; prints, and leaves docs/ as it is")
    return options


if __name__ == "__main__":
    sys.exit(main())
