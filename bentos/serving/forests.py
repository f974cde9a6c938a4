"""Large forests, walked by our own compiled code instead of ONNX Runtime's.

A forest grown to the end is larger than a processor's caches, and each step down a tree waits for memory; ONNX Runtime
takes the steps one after another. Here many rows, or one row's many trees, step together, so that the processor waits
for many nodes at a time; a node is eight bytes instead of thirty-two; and a node lies beside its children and theirs,
so that three steps often wait once (Asadi et al., "Runtime Optimizations for Tree-Based Machine Learning Models",
TKDE 2014). `python -m loadtests.peers` shows what it is worth.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

log = logging.getLogger(__name__)

LARGE_BYTES = 8 * 2**20  # of a graph; smaller forests stay in the caches, where ONNX Runtime does well
WRITTEN = ["Cast", "Cast", "TreeEnsemble", "Add", "Squeeze"]  # by `training.export`; it rounds rows to float32 first
AVERAGE, BRANCH_LEQ = 0, 0
LARGEST_FEATURE = 2**8 - 1
KIN = 3  # levels that lie together: at most fourteen nodes, two lines of a cache


@dataclass(frozen=True, slots=True)
class Forest:
    """``nodes`` [K] as `walk.NODE` has them, ``values`` [K] of the leaves among them, and ``roots`` [trees].

    ``features`` is how many a row has. The prediction is ``start`` and the sum of the trees' values.
    """

    features: int
    nodes: NDArray[np.void]
    values: Floats
    roots: NDArray[np.uint32]
    start: float

    def __call__(self, rows: Floats) -> Floats:
        """[N] for finite ``rows`` [N, features]; to the last bit what each row would be told alone."""
        from bentos.serving.walk import add_leaves  # noqa: PLC0415 - large forests alone are worth a compiler

        sums = np.zeros(len(rows))
        with np.errstate(over="ignore"):  # what is too large for float32 is above every threshold
            cells = np.ascontiguousarray(rows, np.float32)
        add_leaves(self.nodes, self.values, self.roots, cells, sums)
        return self.start + sums


def large_forest(graph: bytes) -> Forest | None:
    """The forest of a graph that `training.export.trees_to_onnx` wrote; ``None`` for a small one or any other graph."""
    if len(graph) < LARGE_BYTES:
        return None
    if missing := [library for library in ("numba", "onnx") if find_spec(library) is None]:
        log.warning("a large forest is slower than it could be without %s; pip install 'forewatt[forests]'", missing)
        return None
    import onnx  # noqa: PLC0415 - costs a third of a second, and few models need it

    model = onnx.load_from_string(graph).graph
    if [node.op_type for node in model.node] != WRITTEN:
        return None
    said = {said.name: onnx.helper.get_attribute_value(said) for said in model.node[2].attribute}
    as_array = onnx.numpy_helper.to_array
    constants = {tensor.name: as_array(tensor) for tensor in model.initializer}
    tensors = {name: as_array(said[name]) for name in ("nodes_splits", "nodes_modes", "leaf_weights")}
    columns = model.input[0].type.tensor_type.shape.dim[1].dim_value
    return _forest(columns, said | tensors, float(constants["start"]))


def _forest(columns: int, said: dict[str, Any], start: float) -> Forest | None:
    """From the attributes of a TreeEnsemble (ONNX-ML 5), whose leaves are numbered anew behind its branches."""
    from bentos.serving.walk import CHILD_BITS, NODE  # noqa: PLC0415

    roots, features, weights = np.array(said["tree_roots"]), np.array(said["nodes_featureids"]), said["leaf_weights"]
    branches, nodes = len(features), len(features) + len(weights)
    if features.max() > LARGEST_FEATURE or nodes > 2**CHILD_BITS or (said["nodes_modes"] != BRANCH_LEQ).any():
        return None
    true, false = (
        np.array(said[f"nodes_{way}nodeids"]) + branches * np.array(said[f"nodes_{way}leafs"])
        for way in ("true", "false")
    )
    order = _kin_together(roots, true, false)
    place = np.empty(nodes, np.int64)
    place[order] = np.arange(len(order))
    leaf = order >= branches
    branch = order[~leaf]
    first_child, feature = np.arange(len(order)), np.zeros(len(order), np.int64)
    first_child[~leaf], feature[~leaf] = place[true[branch]], features[branch]
    found, values = np.empty(len(order), NODE), np.zeros(len(order))
    found["threshold"], found["way_on"] = np.inf, feature << CHILD_BITS | first_child
    found["threshold"][~leaf] = _rounded_down(said["nodes_splits"][branch])
    values[leaf] = weights[order[leaf] - branches] / (len(roots) if said["aggregate_function"] == AVERAGE else 1)
    return Forest(columns, found, values, place[roots].astype(np.uint32), start)


def _kin_together(roots: Ints, true: Ints, false: Ints) -> Ints:
    """All nodes tree by tree; in a tree a node's children, and theirs, beside each other."""
    levels = list(_levels(roots, true, false))
    nodes, trees, kin = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    ordered: Ints = nodes[np.lexsort((kin, trees))]
    return ordered


def _levels(roots: Ints, true: Ints, false: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """All trees' nodes level by level, the two children of a branch side by side; the tree and the kin of each."""
    level, trees, kin = roots, np.arange(len(roots)), np.arange(len(roots))
    depth, named = 0, len(roots)
    while len(level):
        yield level, trees, kin
        has = level < len(true)
        branch, trees, kin, depth = level[has], trees[has].repeat(2), kin[has].repeat(2), depth + 1
        if depth % KIN == 1:  # a root alone is kin to nobody
            kin = named + np.arange(len(branch)).repeat(2)
            named += len(branch)
        level = np.stack([true[branch], false[branch]], axis=1).ravel()


def _rounded_down(thresholds: Floats) -> NDArray[np.float32]:
    """The largest float32 up to each: a float32 is above the one where it is above the other."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
