"""Who is compared: how each is started, where it listens and what it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from loadtests.peers.forest import Floats, open_inference

HERE = Path(__file__).parent
PROTOCOL = "Open Inference Protocol"


def _row(row: Floats) -> bytes:
    return json.dumps({"features": row.tolist()}).encode()


def _rows_of_one(row: Floats) -> bytes:
    return json.dumps({"features": [row.tolist()]}).encode()


@dataclass(frozen=True)
class Peer:
    """``command`` runs in the peer's folder with the programs of its own environment first on the path.

    ``{port}`` is replaced in ``command`` and ``environment``. ``says`` names what it is asked, ``how`` what is special.
    """

    name: str
    command: tuple[str, ...]
    how: str
    path: str = "/v2/models/forest/infer"
    body: Callable[[Floats], bytes] = open_inference
    says: str = PROTOCOL
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    echoes: bool = False
    ours: bool = False  # runs in this environment, and may lie elsewhere
    place: Path = HERE
    lies_in: str = ""  # another's folder

    @property
    def folder(self) -> Path:
        return self.place / (self.lies_in or self.name)

    @property
    def requirements(self) -> Path:
        return self.folder / "requirements.txt"


UVICORN = ("uvicorn", "server:app", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
FAST = ("--loop", "uvloop", "--http", "httptools", "--log-level", "warning")

BENTOML = ("bentoml", "serve", "--host", "127.0.0.1", "--port", "{port}")
OURS = Peer("ours", (*BENTOML, "server:Forest"), "our inference server: adaptive batching, nothing set", ours=True)
OURS_ALONE = "ours-onnxruntime"

PEERS = (
    OURS,
    Peer(
        OURS_ALONE,
        OURS.command,
        "the same with ONNX Runtime alone, as all others have it: what is the server's, and what the forest's",
        environment={"FOREST_IN": "onnxruntime"},
        ours=True,
        lies_in=OURS.name,
    ),
    Peer("echo", UVICORN + FAST, "uvicorn (uvloop, httptools), no model: the ceiling", echoes=True),
    Peer("bare", UVICORN + FAST, "uvicorn (uvloop, httptools, orjson), no batching"),
    Peer(
        "mosec",
        ("python", "server.py", "--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning"),
        "dynamic batching, 64 rows, 2 ms; HTTP in Rust, the model in a process of its own; orjson",
        path="/inference",
    ),
    Peer(
        "fastapi",
        UVICORN + FAST,
        "asynchronous route, pydantic models, uvicorn (uvloop, httptools), no batching",
        path="/predict",
        body=_row,
        says="`{features: […]}`",
    ),
    Peer(
        "mlserver",
        ("mlserver", "start", "."),
        "adaptive batching, 64 rows, 2 ms; no parallel workers",
        environment={
            "MLSERVER_HOST": "127.0.0.1",
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{second_port}",
            "MLSERVER_METRICS_PORT": "{third_port}",
            "MLSERVER_PARALLEL_WORKERS": "0",
            "MLSERVER_DEBUG": "false",
        },
    ),
    Peer(
        "litserve",
        ("python", "server.py"),
        "batching, 64 rows, 2 ms; one worker behind one HTTP process",
        path="/predict",
    ),
    Peer(
        "bentoml",
        (*BENTOML, "server:Forest"),
        "stock: a batchable endpoint, 64 rows, all else as it comes",
        path="/predict",
        body=_rows_of_one,
        says="`{features: [[…]]}`",
    ),
    Peer(
        "ray",
        ("python", "server.py"),
        "Ray Serve: batching, 64 rows, 2 ms; one replica behind one proxy",
        path="/",
    ),
)
