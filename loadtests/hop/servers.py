"""The real servers as `make up` runs them, on free ports: the inference server, gateways of both kinds, nginx."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
INFER = "/v2/models/load/infer"
READY_S, STOP_S = 90.0, 30.0
DIRECT, TCP, UNIX, LONG, NGINX = "direct", "gateway, TCP", "gateway, Unix socket", "gateway, long way", "nginx"
# Harmless, does not go on, and is not ordinary: what carries it goes through uvicorn, FastAPI and httpx.
LONG_WAY = "TE: trailers"


class StartError(Exception):
    """A server did not come up; the text is the end of its log."""


@dataclass(frozen=True)
class Way:
    """One way to the model: an address, a header to send, and the process in between whose time counts."""

    name: str
    url: str
    hop: psutil.Process | None
    header: str = "Accept: */*"

    def cpu_s(self) -> float:
        """What the process in between and its workers have used."""
        if self.hop is None:
            return 0.0
        family = [self.hop, *self.hop.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)


@contextmanager
def ways(folder: Path) -> Iterator[list[Way]]:
    """All ways, ready; nginx where it is installed. The servers are gone when the block ends."""
    with ExitStack() as stack:
        start = _Starter(folder, stack)
        shared = folder / "inference.sock"
        inference = start(["bentoml", "serve", "--host", "127.0.0.1", "--port"], FOREWATT_INFERENCE_SOCKET=str(shared))
        address = {"FOREWATT_INFERENCE_URL": inference.url}
        gateway = [sys.executable, "-m", "gateway"]
        tcp = start(gateway, **address)
        unix = start(gateway, **address, FOREWATT_INFERENCE_SOCKET=str(shared))
        found = [
            Way(DIRECT, inference.url, None),
            Way(TCP, tcp.url, tcp.process),
            Way(UNIX, unix.url, unix.process),
            Way(LONG, unix.url, unix.process, LONG_WAY),
        ]
        if program := shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin"):
            front = start.nginx(program, unix.url, shared)
            found.append(Way(NGINX, front.url, front.process))
        yield found


def questions(url: str) -> list[bytes]:
    """Bodies of one row each, as wide as the model says, all different."""
    with urllib.request.urlopen(url + INFER.removesuffix("/infer"), timeout=10) as answer:  # noqa: S310 - ours
        (rows,) = json.load(answer)["inputs"]
    width = rows["shape"][1]
    tensors = [rows | {"shape": [1, width], "data": [(7 * n + i) % 97 / 97 for i in range(width)]} for n in range(64)]
    return [json.dumps({"inputs": [tensor]}).encode() for tensor in tensors]


@dataclass(frozen=True)
class _Running:
    url: str
    process: psutil.Process


class _Starter:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, command: Sequence[str], **knobs: str) -> _Running:
        port = _free_port()
        given = [*command, str(port)] if command[-1] == "--port" else command
        return self._launch(given, port, {"FOREWATT_PORT": str(port), **knobs}, ROOT)

    def nginx(self, program: str, gateway: str, inference: Path) -> _Running:
        """By the configuration that we ship."""
        port, folder = _free_port(), self._folder / "nginx"
        folder.mkdir(exist_ok=True)
        text = (ROOT / "deploy" / "nginx" / "forewatt.conf").read_text()
        listen, behind = f"127.0.0.1:{port}", gateway.removeprefix("http://")
        text = text.replace("${FOREWATT_NGINX_LISTEN}", listen).replace("${FOREWATT_NGINX_GATEWAY}", behind)
        text = text.replace("${FOREWATT_NGINX_INFERENCE}", f"unix:{inference}")
        (folder / "forewatt.conf").write_text(text)
        as_root = ["-g", f"user {pwd.getpwuid(0).pw_name};"] if os.geteuid() == 0 else []
        return self._launch([program, "-p", str(folder), "-c", "forewatt.conf", *as_root], port, {}, folder)

    def _launch(self, command: Sequence[str], port: int, knobs: dict[str, str], cwd: Path) -> _Running:
        programs = str(Path(sys.executable).parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOREWATT_")}
        ours = {
            "PATH": f"{programs}{os.pathsep}{kept['PATH']}",
            "FOREWATT_DATA": str(self._folder / str(port)),
            "BENTOML_HOME": str(self._folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "true",
            "OMP_NUM_THREADS": "1",
        }
        return self._stack.enter_context(_serving(command, port, kept | ours | knobs, cwd))


@contextmanager
def _serving(command: Sequence[str], port: int, environment: dict[str, str], cwd: Path) -> Iterator[_Running]:
    log = Path(environment["FOREWATT_DATA"]).with_suffix(".log")
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    with log.open("wb") as written:
        started = subprocess.Popen(  # noqa: S603
            [program, *command[1:]], stdout=written, stderr=written, env=environment, cwd=cwd
        )
    running = _Running(f"http://127.0.0.1:{port}", psutil.Process(started.pid))
    try:
        _wait_until_ready(started, running.url, log)
        yield running
    finally:
        _stop(started)


def _wait_until_ready(started: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and started.poll() is None:
        with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(f"{url}/readyz", timeout=2):  # noqa: S310
            return
        time.sleep(0.1)
    raise StartError(log.read_text(errors="replace")[-500:].strip() or "no word from it")


def _stop(started: subprocess.Popen[bytes]) -> None:
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = psutil.Process(started.pid).children(recursive=True)
    started.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        started.wait(STOP_S)
    for left in [*family, psutil.Process(started.pid)] if started.poll() is None else family:
        with suppress(psutil.NoSuchProcess):
            left.kill()
    started.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
