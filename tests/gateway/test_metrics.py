"""Metrics have a door of their own, which is open on loopback alone; whose port is taken is told so."""

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from processes import START, a_process, environment

from gateway import metrics


@contextmanager
def started(folder, **knobs):
    """`python -m gateway`; gives its address and what it had logged by then."""
    env = environment(DATA=folder, PORT=0, INFERENCE_URL="http://127.0.0.1:1", **knobs)
    with a_process(env, stderr=subprocess.PIPE, text=True) as running:
        logged = []
        for line in iter(running.stderr.readline, ""):
            logged.append(json.loads(line)["message"])
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        try:
            yield found[0], logged
        finally:
            running.terminate()
            running.stderr.read()


def said_port(logged):
    (port,) = (int(found[1]) for line in logged if (found := re.search(r"metrics .* port (\d+)", line)))
    return port


def page(port, host="127.0.0.1"):
    return httpx.get(f"http://{host}:{port}/metrics", trust_env=False, timeout=10)


def test_two_gateways_of_one_machine_have_a_port_each_and_say_which(tmp_path):
    with started(tmp_path / "one") as (address, first), started(tmp_path / "two") as (_, second):
        ports = [said_port(first), said_port(second)]
        assert len(set(ports)) == 2
        assert all(metrics.PORT <= port < metrics.PORT + metrics.NEIGHBOURS for port in ports)
        assert httpx.get(f"{address}/livez", trust_env=False).status_code == 200
        pages = [page(port) for port in ports]
    assert all(shown.headers["content-type"].startswith("text/plain") for shown in pages)
    counted = 'forewatt_http_request_duration_seconds_count{code="200",method="GET",route="/livez"} 1.0'
    assert [counted in shown.text for shown in pages] == [True, False]
    assert all("forewatt_build_info" in shown.text for shown in pages)


def test_a_port_that_was_named_and_is_taken_ends_with_2_and_says_what_to_do(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = environment(DATA=tmp_path, PORT=0, METRICS_PORT=taken.getsockname()[1])
        ended = subprocess.run(START, env=env, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("FOREWATT_METRICS_PORT: 127.0.0.1 port ")
    assert last.endswith("Name a free one, or 0 for no metrics.")


def test_0_opens_no_port(tmp_path):
    assert metrics.expose("127.0.0.1", 0) is None
    with started(tmp_path, METRICS_PORT=0) as (_, logged):
        assert not any("metrics" in line for line in logged)


def test_a_host_that_is_not_ours_is_an_error():
    with pytest.raises(OSError, match="assign"):
        metrics.expose("192.0.2.1", None)


def test_the_gateways_own_door_shows_no_metrics(gateway):
    assert gateway.get("/metrics").status_code == 404
    assert httpx.get(f"{gateway.base_url}/metrics", trust_env=False).status_code == 401
    assert "/metrics" not in gateway.get("/openapi.json").json()["paths"]
