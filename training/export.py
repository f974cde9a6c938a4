"""Fitted trees and linear models as ONNX graphs in float64, written node by node.

Every graph takes ``features``, double [N, F], and returns ``prediction``, double [N]. No NaN may reach it:
scikit-learn refuses one, a graph would send it down some branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.tree._tree import Tree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Ensemble: TypeAlias = RandomForestRegressor | ExtraTreesRegressor | GradientBoostingRegressor

# The three came out together, in ONNX 1.16; what can run TreeEnsemble 5 knows the other two.
IR_VERSION, OPSET, ML_OPSET = 10, 21, 5
AVERAGE, SUM = 0, 1
BRANCH_LEQ = 0
# Leaves that no branch leads to. They keep the number of a root's leaf above that of its other child: where
# the two are equal, ONNX Runtime takes the root for a tree of one leaf (microsoft/onnxruntime issue 24679).
UNUSED_LEAVES = 2


def trees_to_onnx(estimator: Ensemble) -> bytes:
    """The serialised graph of a fitted ensemble with one target.

    scikit-learn compares float32 features with float64 thresholds, so the graph rounds through float32 first.
    Raises ``TypeError`` for another estimator or start value, ``ValueError`` for more than one target.
    """
    if isinstance(estimator, GradientBoostingRegressor):
        trees = [stage.tree_ for stage in estimator.estimators_[:, 0]]
        aggregate, factor, start = SUM, estimator.learning_rate, _start_value(estimator)
    elif isinstance(estimator, RandomForestRegressor | ExtraTreesRegressor):
        trees = [tree.tree_ for tree in estimator.estimators_]
        aggregate, factor, start = AVERAGE, 1.0, 0.0
        if estimator.n_outputs_ != 1:
            raise ValueError(f"The forest has {estimator.n_outputs_} targets; fit one forest for each.")
    else:
        raise TypeError(f"A {type(estimator).__name__} cannot be written; give a forest or boosted trees.")
    nodes = [
        helper.make_node("Cast", ["features"], ["rounded"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["rounded"], ["widened"], to=TensorProto.DOUBLE),
        _ensemble_node(trees, aggregate, factor),
        helper.make_node("Add", ["trees", "start"], ["column"]),
        helper.make_node("Squeeze", ["column", "axis"], ["prediction"]),
    ]
    return _model(nodes, estimator.n_features_in_, {"start": np.float64(start), "axis": np.array([1])})


def linear_to_onnx(coefficients: Floats, intercept: float, mean: Floats, scale: Floats) -> bytes:
    """The serialised graph of ``((features - mean) / scale) @ coefficients + intercept``; all arrays are [F].

    The scaler is not folded into the coefficients: digits would cancel where a mean is large for its scale.
    """
    vectors = {"coefficients": coefficients, "mean": mean, "scale": scale}
    if {np.shape(vector) for vector in vectors.values()} != {(len(coefficients),)}:
        raise ValueError("coefficients, mean and scale must be vectors of the same length.")
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "coefficients"], ["sum"]),
        helper.make_node("Add", ["sum", "intercept"], ["prediction"]),
    ]
    constants = {name: np.asarray(vector, np.float64) for name, vector in vectors.items()}
    return _model(nodes, len(coefficients), constants | {"intercept": np.float64(intercept)})


def _start_value(estimator: GradientBoostingRegressor) -> float:
    """What boosting adds its trees to; only a constant can be written."""
    if estimator.init_ == "zero":
        return 0.0
    if isinstance(estimator.init_, DummyRegressor):
        return float(np.ravel(estimator.init_.constant_)[0])
    raise TypeError(f"Boosting from a {type(estimator.init_).__name__} cannot be written; start from a constant.")


class _Branches(NamedTuple):
    """Inner nodes, one entry each; where ``*_leaf`` is 1 the child's number is a leaf's."""

    feature: Ints
    threshold: Floats
    true: Ints
    true_leaf: Ints
    false: Ints
    false_leaf: Ints


def _branches(tree: Tree, first_branch: int, first_leaf: int) -> _Branches:
    """The inner nodes of one tree, numbered from ``first_branch``, its leaves from ``first_leaf``."""
    is_leaf = tree.children_left < 0
    if is_leaf[0]:
        leaf, one = np.array([first_leaf]), np.array([1])
        return _Branches(np.array([0]), np.array([0.0]), leaf, one, leaf + 1, one)
    number = np.where(is_leaf, first_leaf + np.cumsum(is_leaf) - 1, first_branch + np.cumsum(~is_leaf) - 1)
    left, right = tree.children_left[~is_leaf], tree.children_right[~is_leaf]
    return _Branches(
        feature=tree.feature[~is_leaf],
        threshold=tree.threshold[~is_leaf],
        true=number[left],
        true_leaf=is_leaf[left].astype(np.int64),
        false=number[right],
        false_leaf=is_leaf[right].astype(np.int64),
    )


def _leaf_values(tree: Tree) -> Floats:
    """In the tree's order, at least two: ONNX wants a branch in every tree, so a lone leaf stands twice.

    ONNX allows a branch to one leaf both ways, but ONNX Runtime 1.22 then reads another tree's value.
    """
    values: Floats = tree.value[tree.children_left < 0, 0, 0]
    return values if len(values) > 1 else values.repeat(2)


def _ensemble_node(trees: Sequence[Tree], aggregate: int, factor: float) -> onnx.NodeProto:
    """One ``TreeEnsemble`` from ``widened`` to ``trees`` [N, 1], each leaf multiplied by ``factor``."""
    values = [_leaf_values(tree) for tree in trees]
    leaves = list(accumulate(map(len, values), initial=UNUSED_LEAVES))[:-1]
    roots = [leaf - UNUSED_LEAVES - place for place, leaf in enumerate(leaves)]  # a branch less than leaves
    parts = [_branches(*numbers) for numbers in zip(trees, roots, leaves, strict=True)]
    nodes = _Branches(*map(np.concatenate, zip(*parts, strict=True)))
    weights = factor * np.concatenate([np.zeros(UNUSED_LEAVES), *values])
    node = helper.make_node("TreeEnsemble", ["widened"], ["trees"], domain="ai.onnx.ml")
    node.attribute.extend([
        helper.make_attribute("aggregate_function", aggregate),
        helper.make_attribute("n_targets", 1),
        _ints("tree_roots", roots),
        _ints("nodes_featureids", nodes.feature.tolist()),
        _tensor("nodes_splits", nodes.threshold),
        _tensor("nodes_modes", np.full(len(nodes.feature), BRANCH_LEQ, np.uint8)),
        _ints("nodes_truenodeids", nodes.true.tolist()),
        _ints("nodes_trueleafs", nodes.true_leaf.tolist()),
        _ints("nodes_falsenodeids", nodes.false.tolist()),
        _ints("nodes_falseleafs", nodes.false_leaf.tolist()),
        _ints("leaf_targetids", [0] * len(weights)),
        _tensor("leaf_weights", weights),
    ])  # fmt: skip
    return node


def _ints(name: str, values: Iterable[int]) -> onnx.AttributeProto:
    # helper.make_attribute looks at each of a million numbers
    return onnx.AttributeProto(name=name, type=onnx.AttributeProto.INTS, ints=values)


def _tensor(name: str, values: NDArray[Any]) -> onnx.AttributeProto:
    return helper.make_attribute(name, numpy_helper.from_array(values))


def _model(nodes: list[onnx.NodeProto], features: int, constants: dict[str, Any]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "forewatt",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["N", features])],
        [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["N"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))
