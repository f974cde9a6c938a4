"""nginx in front, by the configuration that we ship: rights from the gateway, inferences past it."""

import os
import pwd
import shutil
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
KEY = "correct-horse-battery"
INFER = "/v2/models/load/infer"
PROBLEM = "application/problem+json"

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def launch(start, port, **places):
    """nginx, as README.md beside the configuration says."""
    text = (ROOT / "deploy" / "nginx" / "forewatt.conf").read_text()
    for name, place in {"LISTEN": f"127.0.0.1:{port}", **places}.items():
        text = text.replace(f"${{FOREWATT_NGINX_{name}}}", place)
    folder = start.folder / "nginx"
    folder.mkdir()
    (folder / "forewatt.conf").write_text(text)
    as_root = ["-g", f"user {pwd.getpwuid(0).pw_name};"] if os.geteuid() == 0 else []
    return start.launch([NGINX, "-p", folder, "-c", "forewatt.conf", *as_root], port, folder, {})


@pytest.fixture
def front(start, free_port, tmp_path):
    """nginx, the gateway with a key, and the inference server, which listens on a Unix socket too."""
    socket = tmp_path / "i.sock"
    inference = start.inference(FOREWATT_INFERENCE_SOCKET=socket)
    gateway = start.gateway(inference.url, FOREWATT_API_KEY=KEY, FOREWATT_REGISTRATION="true")
    places = {"INFERENCE": f"unix:{socket}", "GATEWAY": gateway.url.removeprefix("http://")}
    nginx = launch(start, free_port(), **places)
    for server in (inference, gateway, nginx):
        server.wait_until_ready()
    return nginx, gateway, inference


def test_nginx_lets_in_who_may_and_says_in_our_words_who_may_not(front, caller):
    nginx, gateway, inference = front
    caller.base_url = nginx.url
    right = {"Authorization": f"Bearer {KEY}"}
    (rows,) = caller.get("/v2/models/load", headers=right).json()["inputs"]
    asked = {"inputs": [rows | {"shape": [1, rows["shape"][1]], "data": [0.5] * rows["shape"][1]}]}

    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        for path in (INFER, "/v2"):
            refused(caller.post(path, json=asked, headers=headers), 401)
    answer = caller.post(INFER, json=asked, headers=right | {"X-Request-ID": "mine"})
    assert (answer.status_code, len(answer.json()["outputs"])) == (200, 4)
    assert answer.headers["x-request-id"] == "mine"
    assert caller.post(INFER, json=asked, headers={"X-API-Key": KEY}).status_code == 200
    assert caller.post(INFER, json={}, headers=right).status_code == 400  # the inference server's own word
    assert caller.get("/livez").json() == {"status": "alive"}
    refused(caller.get("/no/such", headers=right), 404)
    viewer = {"X-API-Key": a_viewers_key(caller)}
    assert caller.get("/v2/models/load", headers=viewer).status_code == 200
    assert "operator" in refused(caller.post(INFER, json=asked, headers=viewer), 403).json()["detail"]
    refused(caller.post(INFER, content=b"x" * 9_000_000, headers=right), 413)

    gateway.stop()  # what it said just now holds for some seconds
    assert caller.post(INFER, json=asked, headers={"X-API-Key": KEY}).status_code == 200
    refused(caller.get("/v2", headers=right), 503)
    inference.kill()
    assert int(refused(caller.post(INFER, json=asked, headers={"X-API-Key": KEY}), 503).headers["retry-after"]) > 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # now nobody says that he may
        time.sleep(1)
        refused(caller.post(INFER, json=asked, headers={"X-API-Key": KEY}), 503)
    assert KEY not in nginx.log.read_text() + (nginx.log.parent / "nginx" / "access.log").read_text()
    assert nginx.stop() == 0


def a_viewers_key(caller: httpx.Client) -> str:
    """As somebody makes one who has an account and wants a machine to look only."""
    account = {"username": "ada", "password": "123456"}
    assert caller.post("/api/auth/register", json=account | {"email": "ada@example.org"}).status_code == 201
    token = caller.post("/api/auth/login", json=account).json()["token"]
    asked = {"name": "screen", "role": "viewer"}
    return caller.post("/api/v1/keys", json=asked, headers={"Authorization": f"Bearer {token}"}).json()["key"]


def refused(answer: httpx.Response, status: int) -> httpx.Response:
    """As every refusal must be."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    document = answer.json()
    assert (document["status"], document["trace_id"]) == (status, answer.headers["x-request-id"])
    assert document["detail"]
    assert ("www-authenticate" in answer.headers) == (status == 401)
    return answer
