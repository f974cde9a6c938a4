"""What all peers serve: 200 trees grown to the end on 8,760 made-up hours of 20 features, exported once to ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from training.export import trees_to_onnx

TREES, HOURS, FEATURES = 200, 8_760, 20
QUESTIONS = 256  # different rows in turn, since one row alone would stay in the processor's cache

Floats = NDArray[np.float64]


def exported(folder: Path) -> Path:
    """The graph, fitted if ``folder`` does not have it yet; that takes a minute or two."""
    path = folder / f"forest-{TREES}x{HOURS}x{FEATURES}.onnx"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        features = random.normal(size=(HOURS, FEATURES))
        load = 100 + 10 * np.sin(features[:, 0]) + features[:, 1] * features[:, 2] + random.normal(size=HOURS)
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(trees_to_onnx(RandomForestRegressor(TREES, random_state=0).fit(features, load)))
        unfinished.rename(path)
    return path


def rows() -> Floats:
    """Rows that the forest has never seen."""
    return np.random.default_rng(1).normal(size=(QUESTIONS, FEATURES)).round(6)


def answers(graph: Path, features: Floats) -> Floats:
    """What ONNX Runtime says of each row alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options)
    return np.concatenate([session.run(None, {"features": row[None]})[0] for row in features])


def open_inference(row: Floats) -> bytes:
    """The question as the Open Inference Protocol puts it."""
    tensor = {"name": "features", "shape": [1, len(row)], "datatype": "FP64", "data": row.tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def prediction(body: bytes) -> float:
    """The number in any peer's answer."""
    answer = json.loads(body)
    if isinstance(answer, dict):
        answer = answer["outputs"][0]["data"] if "outputs" in answer else answer["prediction"]
    return float(answer[0] if isinstance(answer, list) else answer)
