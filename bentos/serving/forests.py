"""Large forests, walked level by level: one step of all trees for all rows at once.

A forest grown to the end is larger than a processor's caches, so that each step down a tree waits for memory. ONNX
Runtime takes the steps one after another. Here one gather takes a step of every tree for every row, and the processor
waits for many of them at the same time: the tree traversal of Nakandala et al., "A Tensor Compiler for Unified Machine
Learning Prediction Serving", OSDI 2020, with a node in eight bytes. `python -m loadtests.peers` shows what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGE_BYTES = 8 * 2**20  # of a graph; smaller forests stay in the caches, where ONNX Runtime is as fast
WRITTEN = ["Cast", "Cast", "TreeEnsemble", "Add", "Squeeze"]  # by `training.export`; it rounds rows to float32 first
AVERAGE, BRANCH_LEQ = 0, 0
THRESHOLD_BITS, FEATURE_BITS, CHILD_BITS = 32, 8, 23  # of a node, from the lowest
FIRST_LOOK, THEN_EVERY = 10, 3  # levels after which the ways that have ended are left out


@dataclass(frozen=True, slots=True)
class Forest:
    """``nodes`` [K], the roots first, holds a node's first child, feature and threshold (float32) in eight bytes.

    The second child follows the first; a leaf is its own only child. ``values`` [K] are the leaves'. The prediction is
    ``start`` and the sum of the trees' values.
    """

    nodes: Ints
    values: Floats
    trees: int
    start: float

    def __call__(self, rows: Floats) -> Floats:
        """[N] for finite ``rows`` [N, features]; a row's prediction knows no other row."""
        values = self.values.take(self._leaves(rows.astype(np.float32)))
        sums: Floats = values.reshape(len(rows), self.trees).sum(axis=1)
        return self.start + sums

    def _leaves(self, rows: NDArray[np.float32]) -> Ints:
        """Where each row's way through each tree ends: [rows × trees]."""
        cells = rows.ravel()
        row = np.repeat(np.arange(len(rows)) * rows.shape[1], self.trees)
        at = np.tile(np.arange(self.trees), len(rows))
        ends, under_way, level = np.empty_like(at), np.arange(len(at)), 0
        while len(at):
            node = self.nodes.take(at)
            threshold, packed = node.view(np.float32)[::2], node >> THRESHOLD_BITS
            cell = cells.take((packed & (2**FEATURE_BITS - 1)) + row)
            child = (packed >> FEATURE_BITS) + (cell > threshold)
            level += 1
            if level >= FIRST_LOOK and (level - FIRST_LOOK) % THEN_EVERY == 0:
                ends[under_way] = child
                further = np.flatnonzero(child != at)
                child, row, under_way = child[further], row[further], under_way[further]
            at = child
        return ends


def large_forest(graph: bytes) -> Forest | None:
    """The forest of a graph that `training.export.trees_to_onnx` wrote; ``None`` for a small one or any other graph."""
    if len(graph) < LARGE_BYTES:
        return None
    import onnx  # noqa: PLC0415 - costs a third of a second, and few models need it

    model = onnx.load_from_string(graph).graph
    if [node.op_type for node in model.node] != WRITTEN:
        return None
    said = {said.name: onnx.helper.get_attribute_value(said) for said in model.node[2].attribute}
    as_array = onnx.numpy_helper.to_array
    constants = {tensor.name: as_array(tensor) for tensor in model.initializer}
    tensors = {name: as_array(said[name]) for name in ("nodes_splits", "nodes_modes", "leaf_weights")}
    return _forest(said | tensors, float(constants["start"]))


def _forest(said: dict[str, Any], start: float) -> Forest | None:
    """From the attributes of a TreeEnsemble (ONNX-ML 5), whose leaves are numbered anew behind its branches."""
    roots, features, weights = np.array(said["tree_roots"]), np.array(said["nodes_featureids"]), said["leaf_weights"]
    branches, nodes = len(features), len(features) + len(weights)
    if features.max() >= 2**FEATURE_BITS or nodes >= 2**CHILD_BITS or (said["nodes_modes"] != BRANCH_LEQ).any():
        return None
    true, false = (
        np.array(said[f"nodes_{way}nodeids"]) + branches * np.array(said[f"nodes_{way}leafs"])
        for way in ("true", "false")
    )
    order = np.concatenate(list(_levels(roots, true, false)))
    place = np.empty(nodes, np.int64)
    place[order] = np.arange(len(order))
    leaf = order >= branches
    values, child, feature = np.zeros(len(order)), np.arange(len(order)), np.zeros(len(order), np.int64)
    threshold = np.full(len(order), np.inf, np.float32)
    values[leaf] = weights[order[leaf] - branches] / (len(roots) if said["aggregate_function"] == AVERAGE else 1)
    branch = order[~leaf]
    child[~leaf], feature[~leaf] = place[true[branch]], features[branch]
    threshold[~leaf] = _rounded_down(said["nodes_splits"][branch])
    packed = (child << FEATURE_BITS | feature) << THRESHOLD_BITS | threshold.view(np.uint32)
    return Forest(packed, values, len(roots), start)


def _levels(roots: Ints, true: Ints, false: Ints) -> Iterator[Ints]:
    """All trees' nodes level by level, the two children of a branch side by side."""
    level = roots
    while len(level):
        yield level
        branch = level[level < len(true)]
        level = np.stack([true[branch], false[branch]], axis=1).ravel()


def _rounded_down(thresholds: Floats) -> NDArray[np.float32]:
    """The largest float32 up to each: a float32 is above the one where it is above the other."""
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
