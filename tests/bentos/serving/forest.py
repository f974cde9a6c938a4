"""A real little forest behind the real server, on a free port of this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from bentos.serving.contract import Limits
from bentos.serving.hosting import Hosting, Servable
from bentos.serving.problems import Refused
from bentos.serving.protocol import HotProtocol
from bentos.serving.server import Knobs, Server
from bentos.serving.tensors import TensorSpec
from training.export import trees_to_onnx

FEATURES = 4


class Forest:
    """Twenty trees; rows whose first feature is 666 make it fail."""

    name, platform = "forest", "onnxruntime_onnx"
    input = TensorSpec("features", "FP64", (-1, FEATURES))
    outputs = (TensorSpec("prediction", "FP64", (-1,)), TensorSpec("doubled", "FP32", (-1,)))

    def __init__(self, version: str) -> None:
        draw = np.random.default_rng(int(version))
        rows = draw.normal(size=(200, FEATURES))
        self.version = version
        self.fitted = RandomForestRegressor(20, random_state=0).fit(rows, rows @ [1.0, 2.0, 3.0, 4.0])
        self._session = onnxruntime.InferenceSession(trees_to_onnx(self.fitted))

    def predict(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        if (rows[:, 0] == 666).any():
            raise ArithmeticError("this row is cursed")
        found = self._session.run(["prediction"], {"features": rows})[0]
        return [found, 2 * found]

    def examples(self, n: int) -> NDArray[Any]:
        return np.random.default_rng(0).normal(size=(n, FEATURES))


class Shelf:
    """A repository of three versions, of which the last is current."""

    def index(self) -> list[tuple[str, str]]:
        return [("forest", version) for version in "123"]

    def open(self, name: str, version: str | None) -> Servable:
        if (name, version or "3") not in self.index():
            raise Refused(404, "no_model", "It is not on the shelf.")
        return Forest(version or "3")


@dataclass(frozen=True)
class Running:
    """Where it listens, and its insides."""

    address: str
    server: Server
    hosting: Hosting


@contextmanager
def serving(knobs: Knobs | None = None) -> Iterator[Running]:
    """Version 1 is loaded; what is not hot is 404."""

    async def cold(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"cold"})

    server = Server(cold, knobs or Knobs())
    ready, running = threading.Event(), []

    async def live(listening: socket.socket) -> None:
        hosting = Hosting(server.knobs.limits or Limits())
        await hosting.load(Forest("1"))
        server.open(hosting, Shelf())
        web = uvicorn.Server(uvicorn.Config(server, http=HotProtocol, log_level="warning", lifespan="off"))
        running.extend([hosting, web, asyncio.get_running_loop()])
        ready.set()
        await web.serve(sockets=[listening])

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=lambda: asyncio.run(live(listening)))
        thread.start()
        assert ready.wait(30)
        yield Running(f"127.0.0.1:{listening.getsockname()[1]}", server, running[0])
        running[1].should_exit = True
        thread.join(10)
        assert not thread.is_alive()
