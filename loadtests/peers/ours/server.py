"""The forest on our inference server, as every released model is served: adaptive batching, nothing to choose."""

from __future__ import annotations

import os
from pathlib import Path

import bentoml
import numpy as np
from numpy.typing import NDArray

from bentos.serving.bento import HotService
from bentos.serving.graphs import Regressor
from bentos.serving.tensors import TensorSpec
from loadtests.hosted import host


class ForestModel:
    """The graph as a load model's graphs run."""

    name, version, platform = "forest", "1", "onnxruntime_onnx"
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self, graph: str) -> None:
        self.graph = Regressor(Path(graph).read_bytes(), large=os.environ.get("FOREST_IN") != "onnxruntime")
        self.input = TensorSpec("features", "FP64", (-1, self.graph.features))

    def predict(self, rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return [self.graph(rows)]

    def examples(self, n: int) -> NDArray[np.float64]:
        return np.random.default_rng(0).uniform(-2, 2, size=(n, self.graph.features))


@bentoml.service(name="forest", service_class=HotService)
class Forest:
    """One process."""

    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        await host(self.bento_service.server, ForestModel(os.environ["FOREST"]))
