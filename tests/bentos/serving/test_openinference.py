"""The protocol as Triton's own client speaks it, and as a careless caller does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

sys.path.insert(0, str(Path(__file__).parent))
from forest import FEATURES, Forest, Running, serving

ROWS = np.random.default_rng(1).normal(size=(5, FEATURES))
GOOD: dict[str, Any] = {"name": "features", "shape": [1, FEATURES], "datatype": "FP64", "data": [1.0] * FEATURES}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serving() as found:
        yield found


@pytest.fixture
def client(running: Running) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(running.address) as found:
        yield found


def asked(rows: np.ndarray, binary: bool) -> list[triton.InferInput]:
    tensor = triton.InferInput("features", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return [tensor]


def test_tritons_client_finds_server_model_and_health(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("forest")
    assert client.is_model_ready("forest", "1")
    assert client.get_server_metadata()["name"] == "forewatt"
    described = client.get_model_metadata("forest")
    assert described["inputs"] == [{"name": "features", "datatype": "FP64", "shape": [-1, FEATURES]}]
    assert [output["name"] for output in described["outputs"]] == ["prediction", "doubled"]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tritons_client_gets_the_forests_own_predictions(client, binary_in, binary_out):
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("doubled", "prediction")]
    found = client.infer("forest", asked(ROWS, binary_in), outputs=outputs, request_id="q1")
    expected = Forest("1").fitted.predict(ROWS)
    np.testing.assert_allclose(found.as_numpy("prediction"), expected, rtol=1e-9)
    np.testing.assert_allclose(found.as_numpy("doubled"), np.float32(2 * expected), rtol=1e-6)
    assert found.get_response()["id"] == "q1"
    assert [output["name"] for output in found.get_response()["outputs"]] == ["doubled", "prediction"]


def test_without_asking_for_outputs_all_come(client):
    found = client.infer("forest", asked(ROWS, True))
    assert found.as_numpy("prediction").shape == found.as_numpy("doubled").shape == (5,)


def test_more_rows_than_a_batch_are_answered_in_order(client):
    rows = np.random.default_rng(2).normal(size=(500, FEATURES))
    found = client.infer("forest", asked(rows, True)).as_numpy("prediction")
    np.testing.assert_allclose(found, Forest("1").fitted.predict(rows), rtol=1e-9)


def test_tritons_client_loads_a_version_and_puts_the_old_one_back(client, running):
    client.load_model("forest")
    assert client.infer("forest", asked(ROWS, True)).get_response()["model_version"] == "3"
    again = client.infer("forest", asked(ROWS, True), model_version="1")
    assert again.get_response()["model_version"] == "1"
    index = client.get_model_repository_index()
    assert {(model["version"], model["state"]) for model in index} == {
        ("1", "READY"), ("2", "UNAVAILABLE"), ("3", "READY"),
    }  # fmt: skip
    load = f"http://{running.address}/v2/repository/models/forest/load"
    httpx.post(load, json={"parameters": {"version": "1"}}).raise_for_status()
    assert client.infer("forest", asked(ROWS, True)).get_response()["model_version"] == "1"


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [("nobody", "", "no model"), ("forest", "99", "no model version")],
)
def test_tritons_client_is_told_what_is_not_there(client, model, version, said):
    with pytest.raises(InferenceServerException, match=said):
        client.infer(model, asked(ROWS, True), model_version=version)


BAD: dict[str, tuple[Any, int]] = {
    "no object": ([1], 400),
    "no inputs": ({}, 400),
    "empty inputs": ({"inputs": []}, 400),
    "an input that is no object": ({"inputs": ["x"]}, 400),
    "another name": ({"inputs": [GOOD | {"name": "x"}]}, 400),
    "an input twice over": ({"inputs": [GOOD, GOOD | {"name": "y"}]}, 400),
    "an unknown datatype": ({"inputs": [GOOD | {"datatype": "FP65"}]}, 400),
    "text for numbers": ({"inputs": [GOOD | {"data": ["1"] * FEATURES}]}, 400),
    "null for a number": ({"inputs": [GOOD | {"data": [None] + [1.0] * 3}]}, 400),
    "truth for numbers": ({"inputs": [GOOD | {"data": [True] * FEATURES}]}, 400),
    "ragged rows": ({"inputs": [GOOD | {"shape": [2, 2], "data": [[1.0], [1.0, 2.0]]}]}, 400),
    "too few values": ({"inputs": [GOOD | {"data": [1.0]}]}, 400),
    "another width": ({"inputs": [GOOD | {"shape": [1, 3], "data": [1.0] * 3}]}, 400),
    "no rows": ({"inputs": [GOOD | {"shape": [0, FEATURES], "data": []}]}, 400),
    "a flat shape": ({"inputs": [GOOD | {"shape": [FEATURES]}]}, 400),
    "a negative shape": ({"inputs": [GOOD | {"shape": [-1, FEATURES]}]}, 400),
    "a shape of fractions": ({"inputs": [GOOD | {"shape": [1.0, FEATURES]}]}, 400),
    "a huge shape": ({"inputs": [GOOD | {"shape": [2**30, FEATURES]}]}, 400),
    "binary data that is not there": ({"inputs": [GOOD | {"parameters": {"binary_data_size": 32}}]}, 400),
    "parameters that are no object": ({"inputs": [GOOD], "parameters": [1]}, 400),
    "an unknown output": ({"inputs": [GOOD], "outputs": [{"name": "x"}]}, 400),
    "outputs that are no list": ({"inputs": [GOOD], "outputs": "prediction"}, 400),
    "too many rows": ({"inputs": [GOOD | {"shape": [5000, FEATURES], "data": [1.0] * 5000 * FEATURES}]}, 413),
    "a cursed row": ({"inputs": [GOOD | {"data": [666.0] * FEATURES}]}, 500),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_request_is_answered_by_a_problem_that_says_what_to_do(running, fault):
    body, status = BAD[fault]
    found = httpx.post(f"http://{running.address}/v2/models/forest/infer", json=body)
    said = found.json()
    assert (found.status_code, said["status"]) == (status, status)
    assert found.headers["content-type"] == "application/problem+json"
    assert len(said["detail"]) > 15
    assert said["error"] == said["detail"]
    assert len(said["trace_id"]) == 32
    assert "Traceback" not in found.text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b'{"inputs": [NaN]}', b"\xff\xfe", json.dumps({"inputs": 1}).encode()]
)
def test_what_is_no_json_is_400(running, body):
    assert httpx.post(f"http://{running.address}/v2/models/forest/infer", content=body).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/vnd.bentoml+pickle"}, 415),
        ({"content-type": "application/octet-stream", "inference-header-content-length": "9999999"}, 400),
        ({"content-type": "application/octet-stream", "inference-header-content-length": "x"}, 400),
        ({"x-forewatt-deadline-ms": "0"}, 400),
        ({"x-forewatt-deadline-ms": "soon"}, 400),
    ],
)
def test_headers_that_make_no_sense_are_refused(running, headers, status):
    body = json.dumps({"inputs": [GOOD]})
    found = httpx.post(f"http://{running.address}/v2/models/forest/infer", content=body, headers=headers)
    assert found.status_code == status


def test_a_body_over_the_limit_is_413_before_it_is_read(running):
    found = httpx.post(f"http://{running.address}/v2/models/forest/infer", content=b" " * (9 * 2**20))
    assert found.status_code == 413


def test_an_answer_says_where_the_time_went_and_whose_it_is(running):
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    found = httpx.post(
        f"http://{running.address}/v2/models/forest/infer",
        json={"inputs": [GOOD]},
        headers={"x-request-id": "r-1", "traceparent": trace},
    )
    assert {part.split(";")[0].strip() for part in found.headers["server-timing"].split(",")} == {
        "queue", "batch_wait", "compute", "batch",
    }  # fmt: skip
    assert (found.headers["x-request-id"], found.headers["traceparent"]) == ("r-1", trace)
    refused = httpx.post(f"http://{running.address}/v2/models/forest/infer", headers={"traceparent": trace})
    assert refused.json()["trace_id"] == "ab" * 16


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/forest/infer", 405),
        ("POST", "/v2", 405),
        ("GET", "/v2/repository/index", 405),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/forest/nothing", 404),
        ("GET", "/v2/models/forest/versions", 404),
        ("POST", "/v2/repository/models/nobody/load", 404),
        ("POST", "/v2/repository/models/nobody/unload", 404),
    ],
)
def test_wrong_ways_are_404_or_405(running, method, path, status):
    found = httpx.request(method, f"http://{running.address}{path}")
    assert found.status_code == status
    assert found.json()["error"]


def test_one_bad_row_of_a_request_is_named(running):
    rows = np.zeros((10, FEATURES))
    rows[7, 0] = 666
    tensor = GOOD | {"shape": [10, FEATURES], "data": rows.ravel().tolist()}
    found = httpx.post(f"http://{running.address}/v2/models/forest/infer", json={"inputs": [tensor]})
    assert found.status_code == 500
    assert [error["row"] for error in found.json()["errors"]] == [7]
    assert "cursed" in found.json()["errors"][0]["message"]
