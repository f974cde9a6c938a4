"""A whole system of its own for a demonstration: free ports, an empty folder, and nothing left afterwards."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]  # where the bento's description lies
PATIENCE_S = 120.0
STOP_S = 30.0
ADMIN = "admin"


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, model: Path, **more: str) -> Iterator[httpx.Client]:
    """Both servers on data in ``folder``, with a fault model that answers; the client is logged in as their admin.

    ``more`` are settings by their names.

    Raises ``RuntimeError`` where the model cannot be used, or they do not answer in two minutes.
    """
    password, port = secrets.token_urlsafe(16), free_port()
    inference = free_port()
    settings = {
        "FOREWATT_DATA": str(folder),
        "FOREWATT_MODELS": str(folder / "models"),
        "FOREWATT_PORT": str(port),
        "FOREWATT_INFERENCE_PORT": str(inference),
        "FOREWATT_INFERENCE_URL": f"http://127.0.0.1:{inference}",
        "FOREWATT_ADMIN_PASSWORD": password,
        "FOREWATT_METRICS_PORT": "0",
        "BENTOML_HOME": str(folder / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
        "OMP_NUM_THREADS": "1",
        **more,
    }
    (folder / "bentoml").mkdir(parents=True, exist_ok=True)
    others = {name: said for name, said in os.environ.items() if not name.startswith(("FOREWATT_", "CELERY_"))}
    environment = others | settings
    _publish(model, environment)
    log = folder / "servers.log"
    with log.open("wb") as said:
        words = [sys.executable, "-m", "gateway.up"]
        servers = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=said, stderr=said)  # noqa: S603
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            _wait(client, servers, log)
            token = client.post("/api/auth/login", json={"username": ADMIN, "password": password}).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    finally:
        servers.send_signal(signal.SIGTERM)
        servers.wait(STOP_S)


def _publish(model: Path, environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "training", "publish", str(model)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{model} cannot be published: {done.stderr[-2000:]}")


def done(response: httpx.Response) -> httpx.Response:
    """The same where all is well. Raises ``RuntimeError`` with what was said."""
    if response.is_error:
        raise RuntimeError(f"{response.request.method} {response.request.url.path}: {response.text[:2000]}")
    return response


def _wait(client: httpx.Client, servers: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while servers.poll() is None and time.monotonic() < end:
        with suppress(httpx.TransportError):  # not listening yet
            if client.get("/readyz").status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise RuntimeError(f"The servers do not answer. Their last words:\n{log.read_text()[-2000:]}")
