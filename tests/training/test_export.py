from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.export import linear_to_onnx, trees_to_onnx

FEATURES = 5
ROWS = 300


def session(model: bytes) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def predict(model: onnxruntime.InferenceSession, rows: np.ndarray) -> np.ndarray:
    (prediction,) = model.run(["prediction"], {"features": rows})
    assert prediction.shape == (len(rows),)
    assert prediction.dtype == np.float64
    return prediction


def assert_equals(model: onnxruntime.InferenceSession, estimator, rows: np.ndarray) -> None:
    np.testing.assert_allclose(predict(model, rows), estimator.predict(rows), rtol=1e-9, atol=0)


def year(seed: int = 0, count: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Columns of very different size, one of them (the weekday) with few values, and a load."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, FEATURES)) * [8.0, 1.0, 3000.0, 1e-6, 1.0]
    rows[:, 1] = rng.integers(0, 7, count)
    return rows, 5000 + 30 * rows[:, 0] + 200 * (rows[:, 1] > 4) + 0.4 * rows[:, 2] + rng.normal(size=count)


def beside_thresholds(estimator, rows: np.ndarray, count: int = 1000) -> np.ndarray:
    """Rows in which a feature is a threshold or its neighbour on either side, in float64 and in float32."""
    rng = np.random.default_rng(1)
    trees = [tree.tree_ for tree in np.ravel(estimator.estimators_)]
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])[feature >= 0]
    feature = feature[feature >= 0]
    rounded = threshold.astype(np.float32)
    below, above = np.nextafter(rounded, np.float32(-np.inf)), np.nextafter(rounded, np.float32(np.inf))
    middle = (rounded.astype(float) + above) / 2  # where the rounding itself turns
    exact = [threshold, rounded, below, above, middle, (rounded.astype(float) + below) / 2]
    near = np.stack([*exact, *(np.nextafter(x.astype(float), s * np.inf) for x in exact for s in (-1, 1))])
    tried = rows[rng.integers(0, len(rows), count)].copy()
    for row in tried if len(feature) else []:
        for _ in range(3):
            which = rng.integers(len(feature))
            row[feature[which]] = near[rng.integers(len(near)), which]
    return tried


ENSEMBLES = [
    RandomForestRegressor(20),
    RandomForestRegressor(1, max_depth=1, bootstrap=False),
    RandomForestRegressor(60, max_leaf_nodes=12),
    RandomForestRegressor(7, max_depth=3, criterion="poisson"),
    RandomForestRegressor(5, min_samples_leaf=ROWS),  # each tree is one leaf
    RandomForestRegressor(40, min_samples_split=0.9, max_depth=1),  # some trees are one leaf
    ExtraTreesRegressor(20),
    ExtraTreesRegressor(30, max_leaf_nodes=3),
    GradientBoostingRegressor(n_estimators=50),
    GradientBoostingRegressor(n_estimators=50, init="zero", max_depth=5, subsample=0.5),
    GradientBoostingRegressor(n_estimators=30, loss="quantile", alpha=0.9, max_leaf_nodes=4),
    GradientBoostingRegressor(n_estimators=30, loss="huber", learning_rate=0.03),
    GradientBoostingRegressor(n_estimators=4, min_samples_leaf=ROWS),
]


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=str)
def test_an_exported_ensemble_equals_scikit_learn_beside_every_threshold(estimator):
    rows, y = year()
    estimator.set_params(random_state=0).fit(rows, y)
    near = beside_thresholds(estimator, rows)
    assert_equals(session(trees_to_onnx(estimator)), estimator, near)


@pytest.mark.parametrize("estimator", [RandomForestRegressor(150), GradientBoostingRegressor()], ids=str)
def test_a_batch_of_rows_equals_each_row_alone_bit_for_bit(estimator):
    rows, y = year()
    model = session(trees_to_onnx(estimator.set_params(random_state=0).fit(rows, y)))
    together = predict(model, rows)
    alone = np.concatenate([predict(model, row[None]) for row in rows])
    assert together.tobytes() == alone.tobytes()
    assert predict(model, rows[::-1])[::-1].tobytes() == together.tobytes()


@pytest.mark.parametrize("skewed", [(0, 1), (1, 0), (1, 1)], ids=str)
def test_a_root_with_a_leaf_and_a_branch_is_no_leaf_in_any_place_of_the_forest(skewed):
    """ONNX Runtime mistakes the root for a leaf where the numbers of the two children are equal."""
    rows = np.arange(8.0)[:, None] * (-1) ** skewed[0]
    y = np.exp(np.arange(8.0)) * (-1) ** skewed[1]  # the best split takes one row away, again and again
    forest = RandomForestRegressor(6, bootstrap=False, random_state=0).fit(rows, y)
    for tree in (member.tree_ for member in forest.estimators_):
        left, right = tree.children_left[0], tree.children_right[0]
        assert (tree.children_left[left] < 0) != (tree.children_left[right] < 0)
    assert_equals(session(trees_to_onnx(forest)), forest, rows)


@given(seed=st.integers(0, 2**32 - 1), trees=st.integers(1, 12), leaves=st.integers(2, 20), boosted=st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_small_ensemble_equals_scikit_learn(seed, trees, leaves, boosted):
    rows, y = year(seed, count=40)
    kind = GradientBoostingRegressor if boosted else ExtraTreesRegressor
    estimator = kind(n_estimators=trees, max_leaf_nodes=leaves, random_state=seed).fit(rows, y)
    near = beside_thresholds(estimator, rows, count=50)
    assert_equals(session(trees_to_onnx(estimator)), estimator, near)


def test_a_linear_model_equals_its_pipeline_though_a_mean_is_large_beside_its_scale():
    rows, y = year()
    rows[:, 4] += 1e6
    scaler, ridge = pipeline = make_pipeline(StandardScaler(), Ridge(alpha=0.1)).fit(rows, y)
    model = session(linear_to_onnx(ridge.coef_, ridge.intercept_, scaler.mean_, scaler.scale_))
    rows = np.concatenate([rows, year(2, 700)[0]])
    assert_equals(model, pipeline, rows)
    alone = np.concatenate([predict(model, row[None]) for row in rows])
    np.testing.assert_allclose(predict(model, rows), alone, rtol=1e-13)


def test_the_same_fit_gives_the_same_bytes():
    rows, y = year()
    first, second = (RandomForestRegressor(5, random_state=3).fit(rows, y) for _ in range(2))
    assert trees_to_onnx(first) == trees_to_onnx(second)


def test_what_cannot_be_written_exactly_is_refused():
    rows, y = year(count=60)
    with pytest.raises(TypeError, match="HistGradientBoostingRegressor"):
        trees_to_onnx(HistGradientBoostingRegressor(max_iter=2).fit(rows, y))
    with pytest.raises(TypeError, match="from a LinearRegression"):
        trees_to_onnx(GradientBoostingRegressor(n_estimators=2, init=LinearRegression()).fit(rows, y))
    with pytest.raises(ValueError, match="2 targets"):
        trees_to_onnx(RandomForestRegressor(2).fit(rows, np.stack([y, -y], axis=1)))
    with pytest.raises(ValueError, match="same length"):
        linear_to_onnx(np.ones(3), 0.0, np.zeros(3), np.ones(2))
