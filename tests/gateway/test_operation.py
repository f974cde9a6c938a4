"""What the people see who run it: configuration, logs, metrics, the published interface, start and stop."""

import json
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from processes import START, a_process, environment

from gateway import uploads
from gateway.settings import Settings


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("INFERENCE_URL", "127.0.0.1:3000"),
        ("DATABASE_URL", "a database"),
        ("DEADLINE_MS", "0"),
        ("BODY_LIMIT_BYTES", "8MiB"),
    ],
)
def test_a_bad_configuration_ends_with_2_and_names_the_knob(tmp_path, knob, value):
    env = environment(DATA=tmp_path / "data", **{knob: value})
    ended = subprocess.run(START, env=env, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"FOREWATT_{knob}: ")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()


def test_settings_are_frozen_and_default_to_this_machine_alone():
    settings = Settings()
    assert (settings.host, settings.port, settings.deadline_ms) == ("127.0.0.1", 8080, 10_000)
    assert settings.database == "sqlite:///.forewatt/forewatt.db"
    with pytest.raises(ValidationError):
        settings.port = 1


def test_a_password_in_the_database_url_is_not_shown():
    settings = Settings(database_url="postgresql://me:hunter2@db/forewatt")
    assert "hunter2" not in repr(settings)
    assert settings.database.endswith("hunter2@db/forewatt")


@pytest.fixture
def process(tmp_path, inference):
    """The real thing: `python -m gateway` on a free port; gives the process and its address."""
    env = environment(DATA=tmp_path / "data", INFERENCE_URL=inference.url, PORT=0)
    with a_process(env, stderr=subprocess.PIPE, text=True) as running:
        lines = iter(running.stderr.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        yield running, address
        running.terminate()


@pytest.fixture
def right(process, tmp_path):
    """The key that it wrote before it said where it is."""
    kept = tmp_path / "data" / "local.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    return {"X-API-Key": kept.read_text().strip()}


def test_the_process_answers_logs_in_json_and_stops_when_told(process, right, history, tmp_path):
    running, address = process
    with httpx.Client(base_url=address, headers=right, trust_env=False) as client:
        body = {"series": history()}
        assert client.post("/api/v1/forecasts", json=body, headers={"X-Request-ID": "r1"}).status_code == 200
        assert client.get("/no/such", headers={"X-Request-ID": "r2"}).status_code == 404
        assert client.post("/v2/models/load/infer", content=b"{}", headers={"X-Request-ID": "r3"}).status_code == 200
    running.send_signal(signal.SIGTERM)
    text = running.stderr.read()
    assert right["X-API-Key"] not in text
    logged = [json.loads(line) for line in text.splitlines()]
    assert running.wait(10) in (0, -signal.SIGTERM)
    first, second, hot = (next(line for line in logged if line["request_id"] == name) for name in ("r1", "r2", "r3"))
    assert (first["method"], first["route"], first["status"]) == ("POST", "/api/v1/forecasts", 200)
    assert (second["route"], second["status"]) == ("unmatched", 404)
    assert (hot["method"], hot["route"], hot["status"]) == ("POST", "/v2/models/{path:path}", 200)
    assert first["duration_ms"] > 0
    assert set(first) == set(hot)
    assert all(line["timestamp"].endswith("+00:00") and line["level"] for line in logged)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_memory_stays_bounded_under_large_bodies(process, right):
    running, address = process

    def peak_mb():
        status = Path(f"/proc/{running.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    before = peak_mb()
    for route in ("/api/v1/forecasts", "/v2/models/load/infer"):
        pieces = (b" " * 1_000_000 for _ in range(100))
        headers = {"content-type": "application/json"} | right
        assert httpx.post(address + route, content=pieces, headers=headers, trust_env=False).status_code == 413
    assert peak_mb() - before < 64


def test_a_crash_tells_the_caller_nothing_but_where_to_find_it(gateway, monkeypatch):
    def crash(*_):
        raise KeyError("the password in /srv/secret.py")

    monkeypatch.setattr(uploads, "read", crash)
    answer = gateway.post("/api/predict", json={"new_data_path": "/uploads/a.csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert "KeyError" not in answer.text
    assert answer.json()["trace_id"] == answer.headers["x-request-id"]


def test_labels_are_routes_and_never_what_a_caller_made_up(gateway, history):
    for path in ("/made-up-1", "/made-up-2", "/v2/models/made-up-3", "/livez?made-up-4"):
        gateway.get(path)
    gateway.request("PROPFIND", "/made-up-5")
    gateway.post("/api/v1/forecasts", json={"series": history()})
    exposed = generate_latest().decode()
    assert "made-up" not in exposed
    assert "PROPFIND" not in exposed
    counted = 'forewatt_http_request_duration_seconds_count{code="%s",method="%s",route="%s"}'
    assert counted % (200, "POST", "/api/v1/forecasts") in exposed
    assert counted % (404, "GET", "unmatched") in exposed
    assert counted % (200, "GET", "/v2/{path:path}") in exposed
    assert counted % (404, "OTHER", "unmatched") in exposed
    assert 'forewatt_inference_request_duration_seconds_count{outcome="answered"}' in exposed
    assert "forewatt_build_info{version=" in exposed


def test_the_published_interface_names_its_refusals(gateway):
    document = gateway.get("/openapi.json").json()
    for path in ("/api/v1/forecasts", "/api/predict"):
        responses = document["paths"][path]["post"]["responses"]
        assert {"200", "400", "413", "415", "422", "502", "503", "504"} <= set(responses)
        for status in set(responses) - {"200"}:
            (media_type, content), *others = responses[status]["content"].items()
            assert (media_type, others) == ("application/problem+json", [])
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
    problem = document["components"]["schemas"]["ProblemDocument"]
    assert {"type", "title", "status", "detail", "errors"} <= set(problem["properties"])
    assert (set(document["paths"]["/v2/{path}"]), set(document["paths"]["/v2/models/{path}"])) == ({"get"}, {"post"})
