"""A peer's server while it runs: started on a free port, waited for, weighed with all its processes, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests.peers.roster import Peer

READY_S = 120.0
STOP_S = 15.0


class StartError(Exception):
    """A server did not come up; the text is the end of its log."""


@dataclass(frozen=True)
class Server:
    """A running server and everything it has started."""

    process: psutil.Process
    url: str

    def tree(self) -> list[psutil.Process]:
        """The server's processes, its own first."""
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def cpu_s(self) -> float:
        """What all of them have used so far, and those of their children that have ended."""
        total = 0.0
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    def rss_mb(self) -> float:
        """What they hold; pages that they share count in each."""
        total = 0
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / 1e6


@contextmanager
def serving(peer: Peer, programs: Path, graph: Path, workplace: Path) -> Iterator[Server]:
    """Start the peer's server; it accepts connections when the block begins, and is gone when it ends."""
    port, *others = _free_ports(3)
    ports = {"port": port, "second_port": others[0], "third_port": others[1]}
    environment = _environment(programs, graph, workplace) | {"PORT": str(port)}
    environment |= {name: value.format(**ports) for name, value in peer.environment.items()}
    log = workplace / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603
            [part.format(**ports) for part in peer.command],
            executable=programs / peer.command[0],
            cwd=peer.folder,
            env=environment,
            stdout=written,
            stderr=written,
        )
    server = Server(psutil.Process(process.pid), f"http://127.0.0.1:{port}{peer.path}")
    try:
        _wait_until_listening(process, port, log)
        yield server
    finally:
        _stop(process, server.tree())


def _environment(programs: Path, graph: Path, workplace: Path) -> dict[str, str]:
    """One thread everywhere, everything a peer keeps in its own workplace, nothing reported to anyone."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "FOREST": str(graph),
        "OMP_NUM_THREADS": "1",
        "BENTOML_HOME": str(workplace / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise StartError(log.read_text(errors="replace")[-500:].strip() or "no word from it")


def _stop(process: subprocess.Popen[bytes], tree: list[psutil.Process]) -> None:
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for left in tree:  # only what this server had started
        with suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()
