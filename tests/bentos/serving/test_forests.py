"""A large forest walked by our own code says what ONNX Runtime says of the same graph, whatever its trees look like."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor

from bentos.serving import forests
from bentos.serving.forests import large_forest
from bentos.serving.graphs import Regressor, session
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


def test_a_row_that_is_too_large_for_float32_goes_its_way():
    rows, load = past()
    graph = trees_to_onnx(RandomForestRegressor(10, random_state=1).fit(rows, load))
    asked = np.vstack([rows[:5] * 1e300, rows[:5] * -1e300, np.zeros((1, FEATURES))])
    np.testing.assert_allclose(large_forest(graph)(asked), in_onnxruntime(graph, asked), rtol=1e-12)
    assert large_forest(graph)(asked[:0]).tolist() == []


def test_small_forests_and_those_of_many_threads_stay_with_onnx_runtime(monkeypatch):
    rows, load = past()
    graph = trees_to_onnx(RandomForestRegressor(30, random_state=1).fit(rows, load))
    assert Regressor(graph)(rows).tolist() == large_forest(graph)(rows).tolist()
    monkeypatch.setenv("FOREWATT_MODEL_THREADS", "2")
    assert Regressor(graph)(rows).tolist() == in_onnxruntime(graph, rows).tolist()
    monkeypatch.delenv("FOREWATT_MODEL_THREADS")
    monkeypatch.setattr(forests, "LARGE_BYTES", len(graph) + 1)
    assert large_forest(graph) is None
    assert Regressor(graph)(rows).tolist() == in_onnxruntime(graph, rows).tolist()


def test_without_its_compiler_a_large_forest_stays_with_onnx_runtime(monkeypatch, caplog):
    rows, load = past()
    graph = trees_to_onnx(RandomForestRegressor(3, random_state=1).fit(rows, load))
    monkeypatch.setattr(forests, "find_spec", lambda name: None if name == "numba" else name)
    assert large_forest(graph) is None
    assert "pip install 'forewatt[forests]'" in caplog.text


def test_callers_in_other_threads_go_on_while_a_forest_is_walked():
    rows, load = past()
    forest = large_forest(trees_to_onnx(RandomForestRegressor(200, random_state=1).fit(rows, load)))
    many = np.tile(rows, (60, 1))
    forest(many[:10])
    with ThreadPoolExecutor(1) as walking:
        walked, counted = walking.submit(forest, many), 0
        while not walked.done():
            counted += 1
    assert counted > 1000  # who holds the interpreter would give way to us for some milliseconds at most
