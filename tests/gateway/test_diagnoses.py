"""A question about a unit passes as it came, and the inference server's judgement comes back in the gateway's words."""

import json

import pytest
from starlette.responses import JSONResponse, Response

from bentos.fault.schema import Answer, HealthyPeriod, Question, ReferenceAnswer
from gateway.app import create_app
from gateway.settings import Settings

ROUTES = {"/api/v1/diagnoses": "/diagnose", "/api/v1/diagnoses/reference": "/diagnose/reference"}
ASKED = b'{"unit_id": "ahu-7", \n "times": []}'
PROBLEM = "application/problem+json"
WRONG_UNIT = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "Input should be 'Cel', 'K' or '[degF]' (/points/mixed_air_temperature/unit)",
    "errors": [
        {"pointer": "/points/mixed_air_temperature/unit", "code": "literal_error", "message": "Input should be"}
    ],
}


def post(gateway, path, content=ASKED, **headers):
    return gateway.post(path, content=content, headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize(("path", "target"), ROUTES.items())
def test_question_and_answer_pass_byte_for_byte_with_id_and_deadline(gateway, inference, path, target):
    answered = b'{"level": 2,   "fault": "F-FILTER"}'
    inference.answer = Response(answered, media_type="application/json")
    got = post(gateway, path, **{"X-Request-ID": "shift-3", "X-Forewatt-Deadline-Ms": "900"})
    assert (got.status_code, got.content) == (200, answered)
    method, asked, headers, body = inference.seen[-1]
    assert (method, asked, body) == ("POST", target, ASKED)
    assert (headers["x-request-id"], headers["x-forewatt-deadline-ms"]) == ("shift-3", "900")
    assert "x-api-key" not in headers


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        (JSONResponse(WRONG_UNIT, 422), 422, "Correct the question"),
        (JSONResponse(WRONG_UNIT | {"status": 400}, 400), 400, "Correct the question"),
        (JSONResponse({"code": "no_model"}, 404), 404, "publish one"),
        (JSONResponse({}, 503, {"Retry-After": "9"}), 503, "9 seconds"),
        (JSONResponse({}, 504), 504, "Allow more"),
        (JSONResponse({"error": "Traceback (most recent call last)"}, 500), 502, "no answer that we know"),
        (Response(b"?", 422), 502, "no answer that we know"),
        (Response(b"<html>", media_type="text/html"), 502, "no answer that we know"),
    ],
)
def test_a_refusal_keeps_its_meaning_and_says_what_to_do(gateway, inference, theirs, ours, words):
    inference.answer = theirs
    got = post(gateway, "/api/v1/diagnoses")
    assert (got.status_code, got.headers["content-type"]) == (ours, PROBLEM)
    assert words in got.json()["detail"]
    if ours in (400, 422):
        assert got.json()["errors"][0]["pointer"] == "/points/mixed_air_temperature/unit"


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [(b"{", "application/json", 400), (b'{"a": NaN}', "application/json", 400), (ASKED, "text/plain", 415)],
)
def test_what_is_no_json_does_not_reach_the_inference_server(gateway, inference, content, media_type, status):
    assert post(gateway, "/api/v1/diagnoses", content, **{"Content-Type": media_type}).status_code == status
    assert inference.seen == []


@pytest.mark.parametrize(
    ("path", "asked", "answered"),
    [
        (path, *models)
        for path, models in zip(ROUTES, [(Question, Answer), (HealthyPeriod, ReferenceAnswer)], strict=True)
    ],
)
def test_the_interface_describes_question_and_answer_as_the_inference_server_takes_them(path, asked, answered):
    described = create_app(Settings()).openapi()
    told, known = described["paths"][path]["post"], described["components"]["schemas"]
    bodies = told["requestBody"], told["responses"]["200"]
    for body, model in zip(bodies, (asked, answered), strict=True):
        name = body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        assert known[name]["properties"].keys() == model.model_json_schema()["properties"].keys()
    assert json.dumps(described).count('"#/$defs') == 0
