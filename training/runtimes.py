"""One network in two runtimes: whether they say the same of the test's windows (Q18), and how fast each is.

``python -m training.runtimes --artifact DIR --data DIR`` compares the artifact's ONNX graph, as it is served, with
torch on the same weights.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from bentos.artifact import open_artifact
from bentos.fault.model import GRAPH, NAME, FaultModel, schema_fingerprint
from bentos.fault.schema import HORIZONS
from training.early_warning import HOUR
from training.fault import Recipe, recent_of
from training.fleet import open_fleet
from training.judgement import Served
from training.measured import record
from training.timemixer import Council, EarlyWarning

Floats = NDArray[np.float32]
Run = Callable[[Floats], list[NDArray[Any]]]

UNITS, WINDOWS, BATCHES, SECONDS = 8, 4096, (1, 64), 5.0


def network_of(artifact: Path) -> Council:
    """The torch network whose weights are those of an artifact's graph."""
    opened = open_artifact(artifact, name=NAME, schema_fingerprint=schema_fingerprint())
    said = cast(dict[str, Any], opened.manifest.recipe)
    recipe = Recipe(**{name: said[name] for name in Recipe.__dataclass_fields__ if name in said})
    channels = opened.manifest.features
    counts = (recent_of(channels), len(channels) - recent_of(channels))
    types = len(cast(list[str], opened.manifest.parameters["types"]))
    members = [EarlyWarning(counts, len(HORIZONS), types, recipe.shape) for _ in range(recipe.members)]
    network = Council(members, [0.0] * types)
    network.load_state_dict(_weights(onnx.load_from_string(opened.files[GRAPH]), network))
    return network.eval()


def _weights(model: ModelProto, network: Council) -> dict[str, torch.Tensor]:
    """By name. The exporter renames a layer's matrix but not its offset; ``Across``'s offset but not its matrix."""
    known = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    wanted = {name: value.shape for name, value in network.state_dict().items()}
    found = {name: known[name] for name in wanted if name in known}
    for node in model.graph.node:
        for name in node.input:
            weight = name.removesuffix(".bias") + ".weight"
            if name.endswith(".bias") and weight not in found:
                source = node if node.op_type == "Gemm" else made_by[next(i for i in node.input if i != name)]
                found[weight] = next(known[i] for i in source.input if i in known and i != name)
        source = next((made_by[i] for i in node.input if i in made_by and made_by[i].op_type == "Einsum"), None)
        if node.op_type == "Add" and source is not None:
            found[source.input[0].removesuffix(".weight") + ".bias"] = next(known[i] for i in node.input if i in known)
    return {name: torch.tensor(_shaped(value, tuple(wanted[name]))) for name, value in found.items()}


def _shaped(value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Matrices are stored turned over; offsets with an axis more. A square one is no less turned over."""
    if value.ndim == 2 and len(shape) == 2 and value.shape[::-1] == shape:
        return np.ascontiguousarray(value.T)
    return np.ascontiguousarray(value.reshape(shape))


def agreement(one: list[NDArray[Any]], other: list[NDArray[Any]]) -> dict[str, float]:
    """Share of windows of which both name the same type, and the largest difference of any number."""
    same = float((one[1].argmax(axis=1) == other[1].argmax(axis=1)).mean())
    return {"same": same, "largest": max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))}


def speed(run: Run, rows: Floats) -> dict[str, float]:
    """Windows a second and p50 and p99 in ms of one call after the other."""
    run(rows)
    took, begin = list[float](), time.perf_counter()
    while time.perf_counter() - begin < SECONDS:
        called = time.perf_counter()
        run(rows)
        took.append(1000 * (time.perf_counter() - called))
    p50, p99 = np.quantile(took, [0.5, 0.99])
    return {"windows_a_second": 1000 * len(rows) / float(np.mean(took)), "p50_ms": float(p50), "p99_ms": float(p99)}


def main() -> int:
    """Print all, and record Q18."""
    parser = argparse.ArgumentParser(prog="python -m training.runtimes", description=__doc__)
    parser.add_argument("--artifact", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of a simulated campaign")
    parser.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    served, network = Served(asked.artifact), network_of(asked.artifact)
    runs = _runs(served.model, network)
    rows, worst = _windows(served, asked.data), 1.0
    expected = runs["torch"](rows)
    for name, run in runs.items():
        said = agreement(expected, run(rows))
        worst = min(worst, said["same"])
        print(f"{name}: {len(rows)} windows, same type {said['same']:.4f}, largest difference {said['largest']:.1e}")
        for batch in BATCHES:
            print(f"  {batch} at once: " + ", ".join(f"{k} {v:.3g}" for k, v in speed(run, rows[:batch]).items()))
    if asked.measured:
        command = "python -m training.runtimes --artifact .forewatt/training/fault/artifact --data .forewatt/laboratory"
        record(asked.measured, {"Q18": worst}, command)
    return 0


def _runs(model: FaultModel, network: Council) -> dict[str, Run]:
    def torch_run(rows: Floats) -> list[NDArray[Any]]:
        with torch.inference_mode():
            return [said.numpy() for said in network(torch.from_numpy(rows))]

    session = model._session
    return {"torch": torch_run, "onnx": lambda rows: session.run(["hazard", "type", "severity"], {"window": rows})}


def _windows(served: Served, campaign: Path) -> Floats:
    """Of a few of the test's units, spread over their lives."""
    test = open_fleet(campaign, "test", UNITS)
    each = -(-WINDOWS // len(test))
    cut = [unit.windows(at[:: max(len(at) // each, 1)][:each]) for unit in test for at in [unit.moments(HOUR)]]
    return np.concatenate(cut)[..., served.places]


if __name__ == "__main__":
    sys.exit(main())
