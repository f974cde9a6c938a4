"""Who asks too often waits: he is told how often he may, how much is left, and when it begins anew."""

import socket
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))
from people import known

from gateway.settings import Settings

IMPORTS = "/api/v1/imports/00000000-0000-0000-0000-000000000000"
PATIENCE_S = 30


@pytest.fixture
def limited(run_gateway, upstream, tmp_path):
    """A gateway of so many requests; gives a client of it."""
    started = []

    def start(**limits):
        started.append(run_gateway(Settings(data=tmp_path, inference_url=upstream.url, **limits)))
        return started[-1].__enter__()

    yield start
    for gateway in started:
        gateway.__exit__(None, None, None)


def told(answer):
    """Name, remaining times and seconds of the header RateLimit."""
    name, remaining, seconds = answer.headers["ratelimit"].split(";")
    return name.strip('"'), int(remaining.removeprefix("r=")), int(seconds.removeprefix("t="))


def at(address):
    return {"X-Forwarded-For": address}


def test_every_answer_tells_what_is_left_and_one_more_is_refused(limited):
    client = limited(rate_limit="3/hour")
    answers = [client.get(IMPORTS) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"default";q=3;w=3600'}
    assert [told(answer)[:2] for answer in answers] == [("default", n) for n in (2, 1, 0, 0, 0)]
    refused, problem = answers[-1], answers[-1].json()
    wait_s = int(refused.headers["retry-after"])
    assert 3500 < wait_s == told(refused)[2] <= 3600
    assert refused.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["default"]
    assert problem["detail"].endswith(f"Try again in {wait_s} seconds.")
    assert problem["trace_id"] == refused.headers["x-request-id"]


def test_after_the_seconds_that_are_named_it_begins_anew(limited):
    client = limited(rate_limit="2/second")
    end = time.monotonic() + PATIENCE_S
    while (refused := client.get(IMPORTS)).status_code != 429:
        assert time.monotonic() < end
    time.sleep(int(refused.headers["retry-after"]))
    assert client.get(IMPORTS).status_code == 404


def test_each_account_is_counted_with_all_its_keys_and_apart_from_others(limited):
    client = limited(rate_limit="4/hour", anonymous=False)
    ada, bob = known(client, "ada"), known(client, "bob")
    key = client.post("/api/v1/keys", headers=ada, json={"name": "roof"}).json()["key"]
    by_key = [client.get("/api/v1/me", headers={"X-API-Key": key}).status_code for _ in range(3)]
    assert by_key == [200, 200, 200]
    assert client.get("/api/v1/me", headers=ada | at("192.0.2.9")).status_code == 429
    assert client.get("/api/v1/me", headers=bob).status_code == 200


@pytest.mark.parametrize("key", [None, "one-key-for-all"])
def test_whoever_has_no_account_is_counted_by_his_address_or_his_network_of_ipv6(limited, key):
    client = limited(rate_limit="1/hour", api_key=key)
    shown = {"X-API-Key": key} if key else {}

    def status(address):
        return client.get(IMPORTS, headers=shown | at(address)).status_code

    assert [status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")] == [404, 429, 404]
    assert [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:0:1::1")] == [404, 429, 404]


def test_what_costs_more_has_quotas_of_its_own(limited):
    client = limited(register_limit="1/hour", import_limit="2/hour", submit_limit="3/hour")
    sent = {
        "register": ["/api/auth/register"],
        "import": ["/api/data/import", "/api/v1/readings/sample"],
        "submit": ["/api/forecast/submit"] * 3,
    }
    for name, paths in sent.items():
        assert [told(client.post(path))[:2] for path in paths] == [(name, n) for n in reversed(range(len(paths)))], (
            "each is counted, whatever becomes of it"
        )
        assert client.post(paths[0]).json()["violated-policies"] == [name]
    assert told(client.post("/api/predict", json={}))[0] == "default"
    assert client.get("/api/data/fetchData").status_code == 200


def test_inferences_and_what_an_operator_asks_are_not_counted(limited, inference):
    client = limited(rate_limit="1/hour")
    paths = ["/v2/models/load", "/livez", "/readyz", "/openapi.json"]
    answers = [client.get(path) for path in paths * 2]
    answers += [client.post("/v2/models/load/infer", json={}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)


def test_who_is_refused_need_not_send_his_body_first(limited, tmp_path):
    client = limited(rate_limit="1/hour")
    client.get(IMPORTS)
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=PATIENCE_S) as line:
        key = (tmp_path / "local.key").read_bytes().strip()
        line.sendall(b"POST /api/predict HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Length: 5000\r\n\r\n" % key)
        assert line.recv(65536).startswith(b"HTTP/1.1 429")


def test_off_means_no_quota_at_all(limited):
    client = limited(rate_limit="off", import_limit="1/hour")
    answers = [client.post("/api/v1/readings/import") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {422}
    assert not any("ratelimit" in answer.headers for answer in answers)


def test_a_quota_that_is_off_leaves_its_routes_to_the_default(limited):
    client = limited(rate_limit="5/hour", import_limit="off")
    assert told(client.post("/api/v1/readings/import"))[:2] == ("default", 4)


def test_while_the_database_is_away_a_token_counts_as_its_address(limited, tmp_path):
    client = limited(rate_limit="9/hour", anonymous=True)
    ada = known(client, "ada")
    with closing(sqlite3.connect(tmp_path / "forewatt.db")) as database:
        database.execute("ALTER TABLE users RENAME TO gone")
    before = told(client.get(IMPORTS))[1]
    answer = client.get("/api/v1/me", headers=ada)
    assert (answer.status_code, told(answer)[1]) == (503, before - 1)


@pytest.mark.parametrize("limit", ["", "many", "0/minute", "600/fortnight", "1/second;9/hour", "-1/day"])
def test_a_limit_that_is_none_is_refused_with_how_to_write_one(limit):
    with pytest.raises(ValidationError, match="600/minute"):
        Settings(rate_limit=limit)


@pytest.mark.parametrize("url", ["amqp://me:hunter2@mq", "redis://:hunter2@cache:port", "cache:6379"])
def test_a_place_to_count_that_is_no_redis_is_refused_and_its_password_is_not_shown(url):
    with pytest.raises(ValidationError, match="redis://127") as refused:
        Settings(limits_url=url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(Settings(limits_url="redis://:hunter2@cache:6379/1"))


def test_the_interface_says_it_for_every_route_below_api_and_for_no_other(gateway):
    for path, operations in gateway.get("/openapi.json").json()["paths"].items():
        for operation in operations.values():
            counted = path.startswith("/api/")
            assert ("429" in operation["responses"]) == counted, path
            for answer in operation["responses"].values() if counted else ():
                assert answer["headers"].keys() >= {"RateLimit", "RateLimit-Policy"}, path
            if counted:
                assert "Retry-After" in operation["responses"]["429"]["headers"]
