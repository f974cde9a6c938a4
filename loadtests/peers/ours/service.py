"""Our inference server with the same forest as its peers: `bentoml serve` in this folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bentos.serving.bento import HotService
from bentos.serving.hosting import Hosting, Servable
from bentos.serving.problems import Refused
from bentos.serving.tensors import TensorSpec

FEATURES = 20


class Forest:
    """The ONNX graph that every peer serves, one thread."""

    name, version, platform = "forest", "1", "onnxruntime_onnx"
    input = TensorSpec("features", "FP64", (-1, FEATURES))
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self, graph: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph, options)

    def predict(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        """One prediction a row."""
        return [self._session.run(["prediction"], {"features": rows})[0]]

    def example(self) -> NDArray[Any]:
        """A row of zeros."""
        return np.zeros(FEATURES)


class OneModel:
    """A repository that holds the forest and nothing else."""

    def index(self) -> list[tuple[str, str]]:
        """There is one."""
        return [(Forest.name, Forest.version)]

    def open(self, name: str, version: str | None) -> Servable:
        """Nothing can be loaded beside it."""
        raise Refused(404, "no_model", f"There is no other {name!r}.")


@bentoml.service(name="forest", service_class=HotService)
class ForestService:
    """One process."""

    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        """Load the graph that the environment names."""
        server = self.bento_service.server
        hosting = Hosting(server.knobs.limits)
        await hosting.load(Forest(Path(os.environ["FOREST"])))
        server.open(hosting, OneModel())
