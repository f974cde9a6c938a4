"""The forest on LitServe with batching: one worker behind one HTTP process."""

from __future__ import annotations

import os
from typing import Any

import litserve
import numpy as np
import onnxruntime


class Forest(litserve.LitAPI):
    """Each method as LitServe's guide to batching has it."""

    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["FOREST"], options)

    def decode_request(self, request) -> np.ndarray:  # noqa: ANN001 - LitServe would read an annotation
        return np.array(request["inputs"][0]["data"])

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.stack(inputs)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"features": x})[0]

    def unbatch(self, output: np.ndarray) -> list[float]:
        return output.tolist()

    def encode_response(self, output: float) -> dict[str, Any]:
        return {
            "model_name": "forest",
            "outputs": [{"name": "prediction", "shape": [1], "datatype": "FP64", "data": [output]}],
        }


if __name__ == "__main__":
    server = litserve.LitServer(Forest(max_batch_size=64, batch_timeout=0.002), accelerator="cpu", workers_per_device=1)
    port = int(os.environ["PORT"])
    server.run(host="127.0.0.1", port=port, log_level="warning", generate_client_file=False)
