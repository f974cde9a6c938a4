"""Without the key nothing is answered but what everybody may know; with it everything is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from processes import START, a_process, environment

from gateway.auth import exposed
from gateway.settings import Settings

KEY = "correct-horse-battery"
RIGHT = [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer  {KEY}"}]
WRONG = [
    {},
    {"X-API-Key": KEY[:-1]},
    {"X-API-Key": KEY + "x"},
    {"X-API-Key": ""},
    {"X-API-Key": f"Bearer {KEY}"},
    {"Authorization": f"Basic {KEY}"},
    {"Authorization": "Bearer"},
    {"Cookie": f"X-API-Key={KEY}"},
]
ROUTES = [("POST", "/v2/models/load/infer"), ("GET", "/v2"), ("POST", "/api/predict"), ("GET", "/no/such")]


@pytest.fixture(scope="module")
def guarded(run_gateway, upstream, tmp_path_factory):
    settings = Settings(data=tmp_path_factory.mktemp("guarded"), inference_url=upstream.url, api_key=KEY)
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_the_key_it_is_401_and_says_what_to_do(guarded, inference, method, path, headers):
    for way in ({}, {"TE": "trailers"}):  # the short and the long one
        answer = guarded.request(method, path, headers=headers | way, content=b"{}" if method == "POST" else None)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.headers["www-authenticate"] == 'Bearer realm="forewatt"'
        assert "X-API-Key" in answer.json()["detail"]
        assert answer.json()["trace_id"] == answer.headers["x-request-id"]
    assert inference.seen == []


@pytest.mark.parametrize("headers", RIGHT)
def test_with_the_key_it_is_answered_and_the_key_stays_here(guarded, inference, headers):
    for way in ({}, {"TE": "trailers"}):
        assert guarded.post("/v2/models/load/infer", content=b"{}", headers=headers | way).status_code == 200
    assert guarded.get("/v2", headers=headers).status_code == 200
    assert guarded.get("/no/such", headers=headers).status_code == 404
    assert len(inference.seen) == 3
    assert KEY not in str(inference.seen)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/openapi.json"])
def test_what_an_operator_asks_is_open(guarded, inference, path):
    assert guarded.get(path).status_code == 200


def test_a_proxy_is_told_who_may_without_a_word_more(guarded, gateway):
    assert [guarded.get("/auth", headers=headers).status_code for headers in RIGHT] == [204] * 3
    refused = guarded.get("/auth")
    assert (refused.status_code, refused.content) == (401, b"")
    assert "www-authenticate" in refused.headers
    assert gateway.get("/auth").status_code == 204  # who reads the folder may, where no key is set


def test_the_interface_names_both_ways_to_show_the_key(gateway):
    document = gateway.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("name") or scheme["scheme"]) for scheme in schemes.values()} == {
        ("apiKey", "X-API-Key"),
        ("http", "bearer"),
    }
    asked = document["paths"]["/api/predict"]["post"]["security"]
    assert [scopes for scheme in asked for scopes in scheme.values()] == [["operator"]] * 2
    assert "401" in document["paths"]["/v2/models/{path}"]["post"]["responses"]
    assert "security" not in document["paths"]["/livez"]["get"]


def test_the_key_may_lie_in_a_file_and_is_shown_nowhere(tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    assert Settings(api_key_file=file).key == Settings(api_key=KEY).key == KEY
    assert Settings().key is None
    assert KEY not in repr(Settings(api_key=KEY))
    with pytest.raises(ValidationError, match="keep one of them"):
        Settings(api_key=KEY, api_key_file=file)


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("HOST", "0.0.0.0"),  # noqa: S104
        ("HOST", "::"),
        ("HOST", "forewatt.example"),
        ("API_KEY", "two words"),
        ("API_KEY_FILE", "no such file"),
        ("API_KEY_FILE", "empty"),
    ],
)
def test_who_would_answer_everybody_is_told_so_and_does_not_start(tmp_path, knob, value):
    (tmp_path / "empty").write_text("\n")
    value = tmp_path / value if knob == "API_KEY_FILE" else value
    env = environment(DATA=tmp_path / "data", ANONYMOUS="true", **{knob: value})
    ended = subprocess.run(START, env=env, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"FOREWATT_{knob}: ")
    assert knob != "HOST" or "FOREWATT_API_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "two words" not in ended.stderr


def test_where_anonymous_callers_are_refused_any_address_may_be_listened_on():
    assert exposed(Settings(host="::")) is None
    assert "FOREWATT_ANONYMOUS at false" in exposed(Settings(host="::", anonymous=True))
    assert exposed(Settings(host="::1", anonymous=True)) is None


def test_with_a_key_any_address_may_be_listened_on_and_the_log_has_no_key(tmp_path):
    env = environment(DATA=tmp_path, HOST="0.0.0.0", PORT="0", API_KEY=KEY)  # noqa: S104
    with a_process(env, stderr=subprocess.PIPE, text=True) as running:
        lines = iter(running.stderr.readline, "")
        started = next(json.loads(line) for line in lines if "running on" in line)
        running.terminate()
        assert KEY not in str(started) + running.stderr.read()
