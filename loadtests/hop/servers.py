"""The real servers as `make up` runs them, on free ports: the inference server, gateways of both kinds, nginx."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.servers import ROOT, Running, Starter, free_port

INFER = "/v2/models/load/infer"
DIRECT, TCP, UNIX, LONG, NGINX = "direct", "gateway, TCP", "gateway, Unix socket", "gateway, long way", "nginx"
# Harmless, does not go on, and is not ordinary: what carries it goes through uvicorn, FastAPI and httpx.
LONG_WAY = {"TE": "trailers"}


@dataclass(frozen=True)
class Way:
    """One way to the model: an address, the process in between whose time counts, and headers that let a caller in."""

    name: str
    url: str
    hop: Running | None
    headers: Mapping[str, str] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """What the process in between and its workers have used."""
        return self.hop.cpu_s() if self.hop else 0.0


@contextmanager
def ways(folder: Path) -> Iterator[list[Way]]:
    """All ways, ready; nginx where it is installed. The servers are gone when the block ends."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        shared = folder / "inference.sock"
        inference = start.inference(FOREWATT_INFERENCE_SOCKET=str(shared))
        tcp = start.gateway(FOREWATT_INFERENCE_URL=inference.url)
        unix = start.gateway(FOREWATT_INFERENCE_URL=inference.url, FOREWATT_INFERENCE_SOCKET=str(shared))
        found = [
            Way(DIRECT, inference.url, None),
            Way(TCP, tcp.url, tcp, tcp.right),
            Way(UNIX, unix.url, unix, unix.right),
            Way(LONG, unix.url, unix, unix.right | LONG_WAY),
        ]
        if program := shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin"):
            front = _nginx(start, program, unix.url, shared)
            found.append(Way(NGINX, front.url, front, unix.right))
        yield found


def questions(url: str) -> list[bytes]:
    """Bodies of one row each, as wide as the model says, all different."""
    with urllib.request.urlopen(url + INFER.removesuffix("/infer"), timeout=10) as answer:  # noqa: S310 - ours
        (rows,) = json.load(answer)["inputs"]
    width = rows["shape"][1]
    tensors = [rows | {"shape": [1, width], "data": [(7 * n + i) % 97 / 97 for i in range(width)]} for n in range(64)]
    return [json.dumps({"inputs": [tensor]}).encode() for tensor in tensors]


def _nginx(start: Starter, program: str, gateway: str, inference: Path) -> Running:
    """By the configuration that we ship."""
    port, folder = free_port(), start.folder / "nginx"
    folder.mkdir(exist_ok=True)
    text = (ROOT / "deploy" / "nginx" / "forewatt.conf").read_text()
    listen, behind = f"127.0.0.1:{port}", gateway.removeprefix("http://")
    text = text.replace("${FOREWATT_NGINX_LISTEN}", listen).replace("${FOREWATT_NGINX_GATEWAY}", behind)
    text = text.replace("${FOREWATT_NGINX_INFERENCE}", f"unix:{inference}")
    (folder / "forewatt.conf").write_text(text)
    as_root = ["-g", f"user {pwd.getpwuid(0).pw_name};"] if os.geteuid() == 0 else []
    return start.ready([program, "-p", str(folder), "-c", "forewatt.conf", *as_root], port, {}, folder)
