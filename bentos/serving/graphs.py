"""ONNX graphs as they run here."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bentos.serving.forests import large_forest
from bentos.serving.threads import Threads

Floats = NDArray[np.float64]

FEW_ROWS = 8  # fewer keep no processor's memory busy: there ONNX Runtime is as fast


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """A graph in ONNX Runtime, with as many threads as the settings say."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = Threads().model_threads, 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Regressor:
    """A graph of `training.export`: ``prediction`` [N] for ``features`` [N, F]; ``large`` forests in their own way."""

    def __init__(self, graph: bytes, large: bool = True) -> None:
        self._session, self._forest = session(graph), large_forest(graph) if large else None
        self.features: int = self._session.get_inputs()[0].shape[1]

    def __call__(self, rows: Floats) -> Floats:
        """A row's prediction knows no other row, and differs by rounding alone with their number: 1e-12 of it."""
        if self._forest is not None and len(rows) >= FEW_ROWS:
            return self._forest(rows)
        found: Floats = self._session.run(["prediction"], {"features": rows})[0]
        return found
