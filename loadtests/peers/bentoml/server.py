"""The forest as BentoML's guide to adaptive batching has it, all else as it comes."""

from __future__ import annotations

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1)
class Forest:
    """One worker."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["FOREST"], options)

    @bentoml.api(batchable=True, max_batch_size=64)
    def predict(self, features: np.ndarray) -> np.ndarray:
        """Rows of several callers, stacked."""
        return self.session.run(None, {"features": features.astype(np.float64)})[0]
