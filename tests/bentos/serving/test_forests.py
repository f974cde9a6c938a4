"""A large forest walked level by level says what ONNX Runtime says of the same graph, whatever its trees look like."""

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor

from bentos.serving import forests
from bentos.serving.forests import large_forest
from bentos.serving.graphs import FEW_ROWS, Regressor, session
from training.export import linear_to_onnx, trees_to_onnx

HOURS, FEATURES = 900, 6


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch):
    monkeypatch.setattr(forests, "LARGE_BYTES", 0)


def past(features=FEATURES, digits=8):
    random = np.random.default_rng(7)
    rows = random.normal(size=(HOURS, features)).round(digits)
    return rows, 50 + 9 * np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] + random.normal(size=HOURS)


def in_onnxruntime(graph, rows):
    return session(graph).run(["prediction"], {"features": rows})[0]


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(30, random_state=1),
        RandomForestRegressor(3, max_depth=1, random_state=1),
        ExtraTreesRegressor(20, random_state=1),
        GradientBoostingRegressor(n_estimators=40, random_state=1),
        GradientBoostingRegressor(n_estimators=5, max_depth=9, init=DummyRegressor(strategy="constant", constant=7.0)),
    ],
    ids=lambda estimator: f"{type(estimator).__name__}-{estimator.n_estimators}",
)
def test_it_says_what_onnx_runtime_says(estimator):
    rows, load = past()
    graph = trees_to_onnx(estimator.fit(rows, load))
    asked = np.vstack([rows, np.random.default_rng(8).normal(scale=3, size=(300, FEATURES))])
    forest = large_forest(graph)
    assert forest is not None
    np.testing.assert_allclose(forest(asked), in_onnxruntime(graph, asked), rtol=1e-12)
    np.testing.assert_allclose(forest(asked), estimator.predict(asked), rtol=1e-12)


def test_rows_on_a_threshold_and_beside_it_go_the_same_way():
    rows, load = past(digits=1)  # thresholds such as 0.15 lie between two float32 numbers
    graph = trees_to_onnx(RandomForestRegressor(10, random_state=2).fit(rows, load))
    halves = rows + 0.05
    beside = [np.nextafter(halves, np.inf), np.nextafter(halves, -np.inf), halves.astype(np.float32).astype(float)]
    for asked in (halves, *beside):
        np.testing.assert_allclose(large_forest(graph)(asked), in_onnxruntime(graph, asked), rtol=1e-12)


def test_trees_of_one_leaf_are_trees():
    rows, _ = past()
    graph = trees_to_onnx(RandomForestRegressor(4, random_state=1).fit(rows, np.full(HOURS, 12.5)))
    assert large_forest(graph)(rows).tolist() == [12.5] * HOURS


def test_a_row_alone_has_the_answer_that_it_has_among_others():
    rows, load = past()
    forest = large_forest(trees_to_onnx(RandomForestRegressor(30, random_state=1).fit(rows, load)))
    together = forest(rows[:200])
    assert [forest(rows[n : n + 1])[0] for n in range(200)] == together.tolist()


def test_other_graphs_are_left_to_onnx_runtime():
    rows, load = past(features=300)
    wide = RandomForestRegressor(2, random_state=1).fit(rows[:, ::-1] * np.r_[np.zeros(299), 1], load)
    assert large_forest(trees_to_onnx(wide)) is None
    one = np.ones(3)
    assert large_forest(linear_to_onnx(one, 0.0, one, one)) is None


def test_few_rows_and_small_forests_stay_with_onnx_runtime(monkeypatch):
    rows, load = past()
    graph = trees_to_onnx(RandomForestRegressor(30, random_state=1).fit(rows, load))
    large = Regressor(graph)
    few, many = rows[: FEW_ROWS - 1], rows[:FEW_ROWS]
    assert large(few).tolist() == in_onnxruntime(graph, few).tolist()
    assert large(many).tolist() == large_forest(graph)(many).tolist()
    monkeypatch.setattr(forests, "LARGE_BYTES", len(graph) + 1)
    assert large_forest(graph) is None
