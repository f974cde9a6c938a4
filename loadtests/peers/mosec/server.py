"""The forest on mosec with dynamic batching; orjson in place of its json, as its guide to serialisation allows."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
import orjson
from mosec import Server, Worker


class Forest(Worker):
    """One process beside mosec's own HTTP server, which is written in Rust."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["FOREST"], options)

    def deserialize(self, data: bytes) -> Any:  # noqa: ANN401 - the base class says so
        return orjson.loads(data)

    def serialize(self, data: Any) -> bytes:  # noqa: ANN401
        return orjson.dumps(data)

    def forward(self, data: list[Any]) -> list[Any]:
        """Questions of several callers."""
        features = np.array([question["inputs"][0]["data"] for question in data])
        (predictions,) = self.session.run(None, {"features": features})
        return [
            {
                "model_name": "forest",
                "outputs": [{"name": "prediction", "shape": [1], "datatype": "FP64", "data": [prediction]}],
            }
            for prediction in predictions.tolist()
        ]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Forest, num=1, max_batch_size=64, max_wait_time=2)
    server.run()
