"""The real inference server and the real gateway as processes of their own, on free loopback ports."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from bentos.load.sample import sample_series, write_sample

ROOT = Path(__file__).parents[2]
BENTOML = Path(sys.executable).with_name("bentoml")
PATIENCE_S = 60


def a_free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def environment(**knobs: object) -> dict[str, str]:
    """This one without anyone's own settings, and with these."""
    ours = ("FOREWATT_", "BENTOML_", "CELERY_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept |= {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}
    kept["PATH"] = f"{BENTOML.parent}{os.pathsep}{kept['PATH']}"
    return kept | {name: str(value) for name, value in knobs.items()}


@dataclass
class Running:
    """A process that was started, its address, and the file that has all it writes."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path
    data: Path

    @property
    def family(self) -> list[psutil.Process]:
        """The process and all below it, which may have left its group."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    @property
    def right(self) -> dict[str, str]:
        """What lets a caller in: the key that a gateway keeps in its data folder."""
        return {"X-API-Key": (self.data / "local.key").read_text().strip()}

    def status(self, path: str) -> int | None:
        """What a GET is answered with; nothing where nobody answers."""
        try:
            return httpx.get(f"{self.url}{path}", trust_env=False, timeout=5).status_code
        except httpx.TransportError:
            return None

    def wait_until_ready(self) -> None:
        """Fails with the log where it ends instead."""
        end = time.monotonic() + PATIENCE_S
        while self.status("/readyz") != 200:
            assert self.process.poll() is None, f"it ended:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"not ready after {PATIENCE_S} s:\n{self.log.read_text()}"
            time.sleep(0.05)

    def kill(self) -> None:
        """At once, without a word to anybody."""
        for member in self.family:
            member.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """As an orchestrator stops it; gives the exit code, when none of the family is left."""
        if self.process.poll() is not None:
            return self.process.returncode
        family = self.family
        self.process.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=30)
        for member in left:
            member.kill()
        assert not left, f"still there 30 s after SIGTERM: {left}"
        return self.process.wait(1)


@contextmanager
def launched(command: list[object], log: Path, url: str, env: dict[str, str], cwd: Path) -> Iterator[Running]:
    """The command as a group of its own, which is gone afterwards whatever happened."""
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603
            [str(word) for word in command], stdout=written, stderr=written, start_new_session=True, env=env, cwd=cwd
        )
        running = Running(process, url, log, Path(env["FOREWATT_DATA"]))
        try:
            yield running
        finally:
            if process.poll() is None:
                running.kill()


class Starter:
    """Starts servers in one folder; each has a log of its own there."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        (folder / "data").mkdir(mode=0o700, exist_ok=True)

    def inference(self, port: int | None = None, target: str = ".", cwd: Path = ROOT, **knobs: object) -> Running:
        """``bentoml serve``, not waited for."""
        port = port or a_free_port()
        command = [BENTOML, "serve", target, "--host", "127.0.0.1", "--port", port]
        return self.launch(command, port, cwd, knobs)

    def gateway(self, inference_url: str, **knobs: object) -> Running:
        """``python -m gateway``, not waited for."""
        port = a_free_port()
        knobs = {"FOREWATT_INFERENCE_URL": inference_url, "FOREWATT_PORT": port, **knobs}
        return self.launch([sys.executable, "-m", "gateway"], port, ROOT, knobs)

    def run(self, *command: object, cwd: Path = ROOT, **knobs: object) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself, and all it said."""
        words = [str(word) for word in command]
        env = self._environment(knobs)
        return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603

    def launch(self, command: list[object], port: int, cwd: Path, knobs: dict[str, object]) -> Running:
        """Any command that lets a server listen on the port."""
        log, url = self.folder / f"{port}.log", f"http://127.0.0.1:{port}"
        return self.stack.enter_context(launched(command, log, url, self._environment(knobs), cwd))

    def _environment(self, knobs: dict[str, object]) -> dict[str, str]:
        return environment(**{"FOREWATT_DATA": self.folder / "data", "BENTOML_HOME": self.folder / "bentoml", **knobs})


@dataclass
class House:
    """Both servers, and the folder that holds what lives."""

    inference: Running
    gateway: Running
    data: Path


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Iterator[House]:
    """The house that most tests visit; they leave it as it was."""
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        start = Starter(folder, stack)
        inference = start.inference()
        gateway = start.gateway(inference.url)
        write_sample(folder / "data" / "uploads" / "power_data.csv")
        inference.wait_until_ready()
        gateway.wait_until_ready()
        yield House(inference, gateway, folder / "data")
        assert (gateway.stop(), inference.stop()) in ((0, 0), (-signal.SIGTERM, 0))


@pytest.fixture
def start(tmp_path) -> Iterator[Starter]:
    """For a test that needs servers of its own."""
    with ExitStack() as stack:
        yield Starter(tmp_path, stack)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds a port that nobody listens on now."""
    return a_free_port


@pytest.fixture
def caller() -> Iterator[httpx.Client]:
    """Calls whole addresses, whatever proxies the environment names."""
    with httpx.Client(trust_env=False, timeout=30) as calling:
        yield calling


@pytest.fixture
def client(house, caller) -> httpx.Client:
    """Of the house's gateway, where only a path is given, with the key of the machine."""
    caller.base_url, caller.headers = house.gateway.url, house.gateway.right
    return caller


def typed(text: str) -> subprocess.CompletedProcess[bytes]:
    """The one curl in a text, typed into a shell."""
    begins = text.index("  curl ")
    command = ["bash", "-c", text[begins : text.index("\n\n", begins)]]
    return subprocess.run(command, capture_output=True, timeout=30, check=True)  # noqa: S603


@pytest.fixture
def type_curl() -> Callable[[str], subprocess.CompletedProcess[bytes]]:
    """Types the curl of a text into a shell."""
    return typed


@pytest.fixture
def past() -> Callable[[int], list[dict[str, str | float]]]:
    """Makes the last so many days of the generated series."""
    return lambda days: sample_series()[-days:]
