"""Both models behind one port: a question about a unit is answered over HTTP as the model answers it in Python."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bentos.artifact import Golden, open_artifact, save
from bentos.fault.model import GRAPH, FaultModel, comparable
from bentos.fault.schema import Answer, Question
from bentos.registry import publish, set_current

sys.path.insert(0, str(Path(__file__).parents[1] / "bentos" / "fault"))
from air_handler import asked, healthy
from tiny import TYPES, description, graph

MONTH = healthy(24, "2026-04-06")
QUESTION = asked(MONTH[-3 * 96 :])


@pytest.fixture
def published(tmp_path) -> tuple[Path, FaultModel]:
    """A registry that holds the smallest fault model as its current."""
    save(tmp_path / "asked", description(Golden(question=QUESTION, answer={})), {GRAPH: graph()})
    answer = FaultModel(open_artifact(tmp_path / "asked")).answer(Question.model_validate(QUESTION))
    save(tmp_path / "made", description(Golden(question=QUESTION, answer=comparable(answer))), {GRAPH: graph()})
    models = tmp_path / "models"
    place = publish(models, tmp_path / "made")
    set_current(models, "fault", place.name)
    return models, FaultModel(open_artifact(place))


def test_a_unit_is_diagnosed_over_http_beside_forecasts(start, caller, past, published):
    models, model = published
    server = start.inference(FOREWATT_MODELS=models)
    server.wait_until_ready()
    made = caller.post(f"{server.url}/diagnose/reference", json=asked(MONTH[: 21 * 96]))
    assert made.status_code == 200, made.text
    question = QUESTION | {"reference": made.json()["reference"]}
    said = caller.post(f"{server.url}/diagnose", json=question)
    assert said.status_code == 200, said.text
    expected = model.answer(Question.model_validate_json(json.dumps(question)))
    assert Answer.model_validate_json(said.content) == expected

    gateway = start.gateway(server.url)
    gateway.wait_until_ready()
    passed = caller.post(f"{gateway.url}/api/v1/diagnoses", json=question, headers=gateway.right)
    assert (passed.status_code, passed.content) == (200, said.content)
    made = caller.post(f"{gateway.url}/api/v1/diagnoses/reference", json={}, headers=gateway.right)
    assert (made.status_code, made.json()["errors"][0]["pointer"]) == (422, "/unit_id")

    rows = model.examples(3)
    tensor = {"name": "window", "datatype": "FP32", "shape": list(rows.shape), "data": rows.ravel().tolist()}
    inferred = caller.post(f"{server.url}/v2/models/fault/infer", json={"inputs": [tensor]}).json()
    found = {output["name"]: np.reshape(output["data"], output["shape"]) for output in inferred["outputs"]}
    assert found["type"].shape == (3, len(TYPES))
    for name, wanted in zip(("hazard", "type", "severity"), model.predict(rows), strict=True):
        np.testing.assert_allclose(found[name], wanted, rtol=1e-5)

    wrong = json.loads(json.dumps(QUESTION))
    wrong["points"]["mixed_air_temperature"]["unit"] = "celsius"
    refused = caller.post(f"{server.url}/diagnose", json=wrong)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/points/mixed_air_temperature/unit"
    assert caller.post(f"{server.url}/forecast", json={"series": past(100)}).status_code == 200
    assert server.stop() == 0


def test_without_a_fault_model_the_server_starts_and_says_that_there_is_none(start, caller, past):
    server = start.inference()
    server.wait_until_ready()
    refused = caller.post(f"{server.url}/diagnose", json=QUESTION)
    assert (refused.status_code, refused.json()["code"]) == (404, "no_model")
    assert caller.post(f"{server.url}/forecast", json={"series": past(100)}).status_code == 200
    assert server.stop() == 0


def test_the_fault_model_is_served_alone(start, caller, published):
    models, _ = published
    server = start.inference(target="service:FaultService", FOREWATT_MODELS=models)
    server.wait_until_ready()
    assert caller.post(f"{server.url}/diagnose", json=QUESTION).status_code == 200
    assert caller.post(f"{server.url}/forecast", json={}).status_code == 404
    described = caller.get(f"{server.url}/docs.json").json()
    assert {"/diagnose", "/diagnose/reference"} <= set(described["paths"])
    assert server.stop() == 0
