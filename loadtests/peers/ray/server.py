"""The forest on Ray Serve with batching: one replica behind one proxy."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=1024)
class Forest:
    """Ray's guide to dynamic request batching, with room for as many waiting callers as there are connections."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["FOREST"], options)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.002)
    async def predict(self, rows: list[list[float]]) -> list[float]:
        return self.session.run(None, {"features": np.array(rows)})[0].tolist()

    async def __call__(self, request: Request) -> dict[str, Any]:
        prediction = await self.predict((await request.json())["inputs"][0]["data"])
        return {
            "model_name": "forest",
            "outputs": [{"name": "prediction", "shape": [1], "datatype": "FP64", "data": [prediction]}],
        }


if __name__ == "__main__":
    ray.init(_node_ip_address="127.0.0.1", include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Forest.bind(), blocking=True)
