"""A fault model of the smallest real kind: an ONNX graph of three matrices and what training would say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bentos.artifact import Description, Golden
from bentos.fault.model import NAME, schema_fingerprint
from bentos.fault.windows import CHANNELS, STEPS

TYPES = ["none", "F-SEN-DRIFT", "F-FILTER", "F-COIL-FOUL"]
TELLING = {"F-SEN-DRIFT": "long_mixing_high_damper", "F-FILTER": "long_filter_flow", "F-COIL-FOUL": "long_coil_cooling"}


def graph() -> bytes:
    """Mean square of each channel, and from it by one matrix each hazard, type and severity."""
    hazard, kind = np.zeros((len(CHANNELS), 6), np.float32), np.zeros((len(CHANNELS), len(TYPES)), np.float32)
    for place, fault in enumerate(TYPES):
        if fault in TELLING:
            hazard[CHANNELS.index(TELLING[fault])] = [1, 2, 3, 4, 5, 6]
            kind[CHANNELS.index(TELLING[fault]), place] = 10
    weights = {"to_hazard": hazard, "to_type": kind, "to_severity": hazard[:, :1]}
    weights |= {"odds": np.array([-6, -5, -4, -4, -3, -3], np.float32), "one": np.array([1], np.int64)}
    nodes = [
        helper.make_node("Mul", ["window", "window"], ["square"]),
        helper.make_node("ReduceMean", ["square", "one"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "to_hazard"], ["rises"]),
        helper.make_node("Add", ["rises", "odds"], ["hazard"]),
        helper.make_node("MatMul", ["mean", "to_type"], ["type"]),
        helper.make_node("MatMul", ["mean", "to_severity"], ["rise"]),
        helper.make_node("Squeeze", ["rise", "one"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["severity"]),
    ]
    said = [("hazard", ["N", 6]), ("type", ["N", len(TYPES)]), ("severity", ["N"])]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["N", STEPS, len(CHANNELS)])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in said],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def description(golden: Golden, **changes: Any) -> Description:
    """What training would say of it."""
    parameters: dict[str, Any] = {
        "types": TYPES,
        "slope": [1.0] * 6,
        "offset": [0.0] * 6,
        "notice": {"on": 0.6, "off": 0.3},
        "levels": [
            {"level": 2, "hours": 168, "probability": 0.4},
            {"level": 3, "hours": 24, "probability": 0.5},
            {"level": 4, "hours": 6, "probability": 0.6},
        ],
        "simulated_training": True,
    }
    return Description(
        name=NAME,
        created=datetime(2026, 5, 1, tzinfo=UTC),
        features=CHANNELS,
        units={"window": "1"},
        horizon_days=14,
        step=timedelta(minutes=15),
        schema_fingerprint=schema_fingerprint(),
        data_fingerprint="0" * 64,
        versions={"onnx": onnx.__version__},
        recipe={},
        scores={},
        golden=golden,
        parameters=parameters | changes,
    )
