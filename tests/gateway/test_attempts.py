"""Logins that fail too often wait, and tell nobody which names there are."""

import asyncio
import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from people import PASSWORD, login, register

from gateway import passwords
from gateway.errors import Unavailable
from gateway.settings import Settings

WRONG = "not-the-password"


@pytest.fixture
def people(run_gateway, upstream, tmp_path):
    """A gateway where nothing has failed yet."""
    with run_gateway(Settings(data=tmp_path, inference_url=upstream.url), key=False) as client:
        yield client


@pytest.fixture
def hashings(monkeypatch):
    """Counts every derivation with its iterations."""
    counted, derive = [], hashlib.pbkdf2_hmac

    def count(name, password, salt, iterations):
        counted.append(iterations)
        return derive(name, password, salt, iterations)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", count)
    return counted


@pytest.mark.parametrize("there", [True, False])
def test_after_five_wrong_passwords_an_account_waits_whether_or_not_it_exists(people, there):
    if there:
        register(people, "victim")
    fields = {"X-Forwarded-For": "192.0.2.1"}
    assert [login(people, "Victim", WRONG, **fields).status_code for _ in range(6)] == [401] * 5 + [429]
    fields = {"X-Forwarded-For": "192.0.2.2"}  # from wherever
    answer = login(people, "victim", PASSWORD, **fields)
    wait_s = int(answer.headers["retry-after"])
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert 0 < wait_s <= 60
    assert answer.headers["ratelimit-policy"] == '"login";q=5;w=60'
    assert answer.headers["ratelimit"] == f'"login";r=0;t={wait_s}'
    assert answer.json()["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert answer.json()["violated-policies"] == ["login"]
    assert f"{wait_s} seconds" in answer.json()["detail"]


def test_one_address_that_tries_many_names_waits_and_others_do_not(people):
    register(people, "somebody")
    answers = [login(people, f"name{n}", WRONG, **{"X-Forwarded-For": "192.0.2.3"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert login(people, "somebody", **{"X-Forwarded-For": "192.0.2.4"}).status_code == 200


def test_good_logins_are_not_counted(people):
    register(people, "busy")
    assert [login(people, "busy").status_code for _ in range(7)] == [200] * 7


def test_a_name_that_is_not_there_costs_the_same_hashing_and_has_the_same_answer(people, hashings):
    register(people, "there")
    hashings.clear()
    answers, costs = [], []
    for name in ("there", "not-there"):
        answers.append(login(people, name, WRONG))
        costs.append(hashings.copy())
        hashings.clear()
    assert costs[0] == costs[1] == [passwords.ITERATIONS]
    bodies = [{key: value for key, value in answer.json().items() if key != "trace_id"} for answer in answers]
    assert bodies[0] == bodies[1]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].headers.keys() == answers[1].headers.keys()


def test_who_waits_costs_no_hashing(people, hashings):
    for _ in range(6):
        login(people, "nobody", WRONG)
    assert len(hashings) == 5


async def test_only_so_many_wait_for_the_hasher_and_the_loop_goes_on():
    hasher = passwords.Hasher()

    async def hash_one():
        async with hasher.turn():
            return await hasher.hashed(PASSWORD)

    first = asyncio.create_task(hash_one())
    ticks = 0
    while not first.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert ticks > 10
    async with hasher.turn():
        waiting = [asyncio.create_task(hash_one()) for _ in range(passwords.MOST_WAITING + 4)]
        await asyncio.sleep(0)
        refused = [task for task in waiting if task.done()]
        assert len(refused) == 5
        assert all(isinstance(task.exception(), Unavailable) for task in refused)
        for task in waiting:
            task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    hasher.close()
