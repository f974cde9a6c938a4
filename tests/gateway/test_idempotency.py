"""What becomes of an Idempotency-Key when processes die, databases go away, or thousands come at once."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Response

sys.path.insert(0, str(Path(__file__).parent))
from people import PASSWORD
from processes import a_process, environment

from gateway import idempotency, localkey, store, tasks
from gateway.app import create_app
from gateway.errors import Problem
from gateway.idempotency import Answered, Claim
from gateway.once import ONCE, Makes, OnceJsonRoute
from gateway.settings import Settings
from gateway.store import Database

PREDICT, QUESTION = "/api/predict", {"new_data_path": "/uploads/once.csv"}
NUMBER, PRINT, OTHER = "a" * 64, "b" * 64, "c" * 64
ANSWER = Answered(200, [["content-type", "text/plain"]], b"done")
MANY = int(os.environ.get("MANY_SUBMITS", "1000"))
PATIENCE_S = 60


@pytest.fixture
def engine(tmp_path):
    made = store.connect(f"sqlite:///{tmp_path / 'forewatt.db'}")
    store.migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def database(tmp_path):
    """The file of the gateway under test, as another program sees it."""
    with closing(sqlite3.connect(tmp_path / "forewatt.db", timeout=PATIENCE_S)) as connection:
        connection.isolation_level = None
        yield connection


@pytest.fixture
def asking(run_gateway, inference, tmp_path, history):
    """A gateway of its own, with a history to ask about."""
    with run_gateway(Settings(data=tmp_path, inference_url=inference.url)) as client:
        write(tmp_path, history())
        client.timeout = PATIENCE_S
        yield client


def write(data, history):
    lines = [f"{row['date']},{row['load']}" for row in history]
    (data / "uploads").mkdir(parents=True, exist_ok=True)
    (data / "uploads" / "once.csv").write_text("\n".join(["date,load", *lines]))


def until(found):
    """Waits until there is something; gives it."""
    end = time.monotonic() + PATIENCE_S
    while not (seen := found()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return seen


def go_silent(database):
    past = (datetime.now(UTC) - timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")
    database.execute("UPDATE idempotency_keys SET held_until = ?", [past])


def refused(engine, fingerprint=PRINT):
    with pytest.raises(Problem) as problem:
        idempotency.claim(engine, NUMBER, fingerprint)
    return problem.value.status_code


def test_one_of_many_takes_a_key_and_the_database_decides_which(engine):
    def take(_):
        try:
            return idempotency.claim(engine, NUMBER, PRINT)
        except Problem as problem:
            return problem.status_code

    with ThreadPoolExecutor(8) as callers:
        taken = list(callers.map(take, range(32)))
    assert sum(isinstance(each, Claim) for each in taken) == 1
    assert taken.count(409) == 31


def test_whoever_went_silent_loses_the_key_and_can_change_nothing_any_more(engine, database):
    first = idempotency.claim(engine, NUMBER, PRINT)
    go_silent(database)
    assert refused(engine, OTHER) == 422, "it is still the first one's"
    second = idempotency.claim(engine, NUMBER, PRINT)
    assert (second.attempt, second.makes) == (2, first.makes)
    for late in (
        lambda: idempotency.keep(engine, first, Answered(500, [], b"")),
        lambda: idempotency.give_back(engine, first),
        lambda: idempotency.beat(engine, first),
    ):
        late()
        assert refused(engine) == 409
    idempotency.keep(engine, second, ANSWER)
    idempotency.give_back(engine, second)
    assert [idempotency.claim(engine, NUMBER, PRINT) for _ in range(2)] == [ANSWER, ANSWER]


def test_old_rows_are_swept_away_and_the_others_stay(engine, database):
    for number in (NUMBER, OTHER):
        idempotency.keep(engine, idempotency.claim(engine, number, PRINT), ANSWER)
    database.execute("UPDATE idempotency_keys SET expires_at = '2020-01-01 00:00:00' WHERE id = ?", [OTHER])
    idempotency.sweep(engine)
    assert database.execute("SELECT id FROM idempotency_keys").fetchall() == [(NUMBER,)]


@contextmanager
def process(data, url):
    """`python -m gateway` and a client of it; killed at the end."""
    env = environment(DATA=data, INFERENCE_URL=url, PORT=0)
    with a_process(env, stderr=subprocess.PIPE, text=True) as running:
        try:
            said = next(line for line in running.stderr if "Uvicorn running on" in line)
            address = said.partition("running on ")[2].partition(" ")[0]
            shown = {"X-API-Key": (data / localkey.NAME).read_text().strip()}
            with httpx.Client(base_url=address, headers=shown, trust_env=False, timeout=PATIENCE_S) as client:
                yield running, client
        finally:
            running.kill()


def test_a_gateway_that_is_killed_blocks_no_key_for_ever(inference, tmp_path, history, database):
    write(tmp_path, history())
    headers = {"Idempotency-Key": str(uuid4())}
    inference.delay_s = PATIENCE_S
    with process(tmp_path, inference.url) as (running, client), ThreadPoolExecutor(1) as caller:
        lost = caller.submit(client.post, PREDICT, json=QUESTION, headers=headers)
        until(lambda: inference.seen)
        running.send_signal(signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            lost.result()
    inference.delay_s = 0
    with process(tmp_path, inference.url) as (_, client):
        assert client.post(PREDICT, json=QUESTION, headers=headers).json()["type"].endswith("idempotency-key-in-use")
        go_silent(database)
        answers = [client.post(PREDICT, json=QUESTION, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].json() == answers[1].json()


def test_an_account_that_was_made_before_the_crash_is_answered_and_not_called_taken(asking, database):
    body = {"username": "ada", "password": PASSWORD, "email": "a@example.org"}
    headers = {"Idempotency-Key": "one"}
    first = asking.post("/api/auth/register", json=body, headers=headers)
    database.execute("UPDATE idempotency_keys SET status = NULL, headers = NULL, body = NULL")  # as if it had crashed
    go_silent(database)
    second = asking.post("/api/auth/register", json=body, headers=headers)
    assert (second.status_code, second.json()) == (201, first.json())
    assert "idempotency-replayed" not in second.headers
    assert database.execute("SELECT count(*) FROM users WHERE name = 'ada'").fetchone() == (1,)
    assert asking.post("/api/auth/register", json=body, headers={"Idempotency-Key": "two"}).status_code == 409


def test_holders_of_the_key_of_all_own_their_idempotency_keys_together(run_gateway, inference, tmp_path, history):
    settings = Settings(data=tmp_path, inference_url=inference.url, api_key="one-key-for-all")
    write(tmp_path, history())
    with run_gateway(settings) as client:
        shown = {"X-API-Key": "one-key-for-all", "Idempotency-Key": "x"}
        places = ({"X-Forwarded-For": f"192.0.2.{n}"} for n in range(2))
        first, again = (client.post(PREDICT, json=QUESTION, headers=shown | place) for place in places)
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", first.json())


def test_while_an_answer_takes_long_the_key_is_held(asking, inference, database, monkeypatch):
    monkeypatch.setattr(idempotency, "BEAT_S", 0.05)
    inference.delay_s = 3

    def held():
        return database.execute("SELECT held_until FROM idempotency_keys").fetchone()

    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(asking.post, PREDICT, json=QUESTION, headers={"Idempotency-Key": "long"})
        first = until(held)
        assert until(lambda: held() != first)
        assert answer.result().status_code == 200


def test_who_has_an_answer_keeps_it_though_it_could_not_be_stored(asking, inference, database, caplog):
    inference.delay_s = 1
    with ThreadPoolExecutor(1) as caller:
        answer = caller.submit(asking.post, PREDICT, json=QUESTION, headers={"Idempotency-Key": "x"})
        until(lambda: inference.seen)
        database.execute("DROP TABLE idempotency_keys")
        assert answer.result().status_code == 200
    assert "could not be kept" in caplog.text


def test_without_a_database_nothing_is_begun(asking, inference, database):
    database.execute("DROP TABLE idempotency_keys")
    answer = asking.post(PREDICT, json=QUESTION, headers={"Idempotency-Key": "x"})
    assert (answer.status_code, inference.seen) == (503, [])


submitting = APIRouter(route_class=OnceJsonRoute)


@submitting.post("/api/test/submit", status_code=202, dependencies=[ONCE])
def submit(asked: dict[str, int], database: Database, makes: Makes, response: Response) -> dict[str, UUID]:
    """A task, as the forecast's route submits it."""
    task = tasks.submit(database, "local", "forecast", asked, "forecasts")
    response.headers.update({"Location": f"/api/test/{task.id}", "Retry-After": "1"})
    return {"taskId": task.id, "makes": makes}


async def test_of_thousands_that_come_together_none_is_mixed_up_with_another(upstream, tmp_path, database):
    app = create_app(Settings(data=tmp_path, inference_url=upstream.url, rate_limit="off", anonymous=True))
    app.include_router(submitting)
    turn = asyncio.Semaphore(64)

    async def ask(client, n):
        async with turn:
            headers = {"Idempotency-Key": f"key {n}"}
            return await client.post("/api/test/submit", json={"year": 2000 + n}, headers=headers)

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client,
    ):
        firsts = await asyncio.gather(*(ask(client, n) for n in range(MANY)))
        agains = await asyncio.gather(*(ask(client, n) for n in range(0, MANY, 10)))
    assert {answer.status_code for answer in firsts} == {202}
    ids = [answer.json()["taskId"] for answer in firsts]
    assert len(set(ids)) == MANY == database.execute("SELECT count(*) FROM tasks").fetchone()[0]
    assert [answer.json()["taskId"] for answer in agains] == ids[::10]
    assert {answer.headers["idempotency-replayed"] for answer in agains} == {"true"}
    assert [answer.headers["location"] for answer in agains] == [f"/api/test/{task}" for task in ids[::10]]
    assert {answer.headers["retry-after"] for answer in agains} == {"1"}, "when to ask after it, and no refusal"
