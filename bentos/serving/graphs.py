"""ONNX graphs as they run here."""

from __future__ import annotations

import onnxruntime

from bentos.serving.threads import Threads


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """A graph in ONNX Runtime, with as many threads as the settings say."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = Threads().model_threads, 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
