"""The early warning as an ONNX graph, so that whoever serves it needs no torch."""

from __future__ import annotations

import logging
import warnings

import torch
from onnx import ModelProto

from training.export import OPSET
from training.timemixer import Council, EarlyWarning

ANSWERS = ["hazard", "type", "severity"]
MOST_BYTES = 2 * 2**20


def network_to_onnx(network: Council | EarlyWarning, length: int, channels: int) -> bytes:
    """The serialised graph: ``window`` float32 [N, length, channels] to ``hazard`` [N, 6] and ``type`` [N, K], both
    log-odds, and ``severity`` [N].

    Raises ``ValueError`` where it is larger than a released artifact may be.
    """
    asked = (torch.zeros(2, length, channels),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of what torch's exporter calls within torch
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # and of a library that is not needed
        program = torch.onnx.export(
            network.eval(),
            asked,
            input_names=["window"],
            output_names=ANSWERS,
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("The exporter gave no graph.")
    graph = _without_traces(program.model_proto)
    if len(graph) > MOST_BYTES:
        raise ValueError(f"The network has {len(graph)} bytes, at most {MOST_BYTES} are released. Make it narrower.")
    return graph


def _without_traces(graph: ModelProto) -> bytes:
    """The exporter notes at each node where in the source it came from: folders of this machine."""
    graph.graph.ClearField("value_info")
    for node in graph.graph.node:
        del node.metadata_props[:]
    for value in [*graph.graph.input, *graph.graph.output, *graph.graph.initializer]:
        del value.metadata_props[:]
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    return bytes(graph.SerializeToString())
