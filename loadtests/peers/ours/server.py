"""The forest on our inference server, as every released model is served: adaptive batching, nothing to choose."""

from __future__ import annotations

import os

import bentoml
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bentos.serving.bento import HotService
from bentos.serving.tensors import TensorSpec
from loadtests.hosted import host


class ForestModel:
    """The graph in ONNX Runtime."""

    name, version, platform = "forest", "1", "onnxruntime_onnx"
    outputs = (TensorSpec("prediction", "FP64", (-1,)),)

    def __init__(self, graph: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph, options)
        self.features = self.session.get_inputs()[0].shape[1]
        self.input = TensorSpec("features", "FP64", (-1, self.features))

    def predict(self, rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        return list(self.session.run(None, {"features": rows}))

    def examples(self, n: int) -> NDArray[np.float64]:
        return np.random.default_rng(0).uniform(-2, 2, size=(n, self.features))


@bentoml.service(name="forest", service_class=HotService)
class Forest:
    """One process."""

    bento_service: HotService

    @bentoml.on_startup
    async def host(self) -> None:
        await host(self.bento_service.server, ForestModel(os.environ["FOREST"]))
