"""ONNX graphs as they run here."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bentos.serving.forests import large_forest
from bentos.serving.threads import Threads

Floats = NDArray[np.float64]


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """A graph in ONNX Runtime, with as many threads as the settings say."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = Threads().model_threads, 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


class Regressor:
    """A graph of `training.export`: ``prediction`` [N] for ``features`` [N, F]; ``large`` forests in our own way.

    That way is one thread's: where the settings give a model more of them, ONNX Runtime has it all.
    """

    def __init__(self, graph: bytes, large: bool = True) -> None:
        self._forest = large_forest(graph) if large and Threads().model_threads == 1 else None
        if self._forest is not None:
            self.features = self._forest.features
            return
        self._session = session(graph)
        self.features = self._session.get_inputs()[0].shape[1]

    def __call__(self, rows: Floats) -> Floats:
        """Finite rows; a row's prediction knows no other row."""
        if self._forest is not None:
            return self._forest(rows)
        found: Floats = self._session.run(["prediction"], {"features": rows})[0]
        return found
