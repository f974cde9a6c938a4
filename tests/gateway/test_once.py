"""A request that carries an Idempotency-Key is done once, however often and however much at once it is sent."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from starlette.responses import Response

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, rows
from people import PASSWORD, known

from gateway.settings import Settings

REGISTER, PREDICT, IMPORT, KEYS = "/api/auth/register", "/api/predict", "/api/data/import", "/api/v1/keys"
PROBLEM = "urn:forewatt:problem:"
QUESTION = {"new_data_path": "/uploads/once.csv"}
PATIENCE_S = 30


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("once"), inference_url=upstream.url, rate_limit="off")


@pytest.fixture(scope="module")
def people(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture
def asking(people, inference, settings, history):
    """The same, with a history to ask about."""
    lines = [f"{row['date']},{row['load']}" for row in history()]
    (settings.uploads / "once.csv").write_text("\n".join(["date,load", *lines]))
    key = (settings.data / "local.key").read_text().strip()
    with httpx.Client(base_url=people.base_url, headers={"X-API-Key": key}, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def database(settings, people):
    """Its file, as another program sees it."""
    with closing(sqlite3.connect(settings.data / "forewatt.db", timeout=PATIENCE_S)) as connection:
        yield connection


def under(key, **more):
    return {"Idempotency-Key": str(key), **more}


def register(client, key, name="ada", **headers):
    body = {"username": name, "password": PASSWORD, "email": "a@example.org"}
    return client.post(REGISTER, json=body, headers=under(key, **headers))


def bring(client, key, content, headers=None, **options):
    file = {"file": ("power.xlsx", content, XLSX)}
    return client.post(IMPORT, files=file, params=options, headers=under(key, **(headers or {})))


def same(answer, first):
    """The first answer once more, and marked."""
    return (answer.status_code, answer.content, answer.headers["content-type"]) == (
        first.status_code,
        first.content,
        first.headers["content-type"],
    ) and (answer.headers.get("idempotency-replayed"), first.headers.get("idempotency-replayed")) == ("true", None)


def code(answer):
    return answer.status_code, answer.json()["type"].removeprefix(PROBLEM)


def count(database, table):
    return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_an_account_is_made_once_and_the_answer_is_given_again(people, database):
    key, before = uuid4(), count(database, "users")
    first = register(people, key, "once")
    assert first.status_code == 201
    assert all(same(register(people, key, "once"), first) for _ in range(2))
    assert same(register(people, f'"{key}"', "once"), first), "in quotes, as the draft writes it"
    assert count(database, "users") == before + 1
    assert code(register(people, uuid4(), "once")) == (409, "name-taken")


def test_another_payload_under_the_same_key_is_refused(people):
    key = uuid4()
    register(people, key, "somebody")
    refused = register(people, key, "somebody-else")
    assert code(refused) == (422, "idempotency-key-reused")
    assert "Use a new one" in refused.json()["detail"]


@pytest.mark.parametrize(
    "key", [b"", b'""', b'" "', b"x" * 256, "Schlüssel".encode(), "ключ".encode(), b"\xff", b"tab\tin it"]
)
def test_a_key_that_is_none_is_refused_before_anything_is_done(people, database, key):
    before = count(database, "users")
    body = {"username": "nobody", "password": PASSWORD, "email": "a@example.org"}
    refused = people.post(REGISTER, json=body, headers=[(b"Idempotency-Key", key)])
    assert code(refused) == (400, "idempotency-key-invalid")
    assert "Send a UUID" in refused.json()["detail"]
    assert count(database, "users") == before


def test_two_keys_are_refused_and_the_longest_one_is_taken(people):
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert code(people.post(REGISTER, json={}, headers=twice)) == (400, "idempotency-key-invalid")
    first = register(people, "~" * 255, "longest")
    assert same(register(people, "~" * 255, "longest"), first)


def test_a_key_belongs_to_one_caller_and_one_route(people, database):
    ada, bob = known(people, "once-ada"), known(people, "once-bob")
    three = book(rows(3))
    first = bring(people, "first", three, ada)
    other = bring(people, "first", book(rows(4)), bob)
    assert [answer.json()["imported"] for answer in (first, other)] == [3, 4]
    file = {"file": ("power.xlsx", book(rows(5)), XLSX)}
    elsewhere = people.post("/api/v1/readings/import", files=file, headers=under("first", **ada))
    assert (elsewhere.json()["imported"], elsewhere.headers.get("idempotency-replayed")) == (2, None)
    here = [register(people, "first", f"at-{n}", **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(2)]
    assert [answer.status_code for answer in here] == [201, 201]
    assert same(bring(people, "first", three, ada), first)


def test_a_workbook_that_comes_again_in_another_wrapping_is_the_same_and_with_other_options_is_not(people):
    key, content, ada = uuid4(), book(), known(people, "wrapping")

    def send(boundary, **options):
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n'
        body = part.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = under(key, **ada) | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return people.post(IMPORT, content=body, headers=headers, params=options)

    first = send("one")
    assert first.json()["imported"] == 20
    assert same(send("another"), first)
    assert code(send("one", mode="partial")) == (422, "idempotency-key-reused")
    content = content[:-1] + b"x"
    assert code(send("one")) == (422, "idempotency-key-reused")


def test_a_large_workbook_is_known_by_its_last_byte_too(people):
    content, ada = book() + bytes(3_000_000), known(people, "large")
    first = bring(people, "x", content, ada)
    assert code(first) == (422, "workbook-unreadable")
    assert same(bring(people, "x", content, ada), first)
    assert code(bring(people, "x", content[:-1] + b"x", ada)) == (422, "idempotency-key-reused")


def test_a_refusal_is_given_again_too_but_not_one_that_may_pass(people, inference, asking):
    ada = known(people, "refused")
    key, wrong = uuid4(), book([["2024-02-30", None, None, None, 1]])
    first = bring(people, key, wrong, ada)
    assert code(first) == (422, "import-refused")
    assert same(bring(people, key, wrong, ada), first)
    inference.answer = Response("{}", 503, {"Retry-After": "3"})
    key = uuid4()
    assert asking.post(PREDICT, json=QUESTION, headers=under(key)).status_code == 503
    inference.answer = None
    assert asking.post(PREDICT, json=QUESTION, headers=under(key)).status_code == 200


def test_what_was_never_begun_leaves_the_key_free(people):
    key = uuid4()
    for body, status in ((b"{", 400), (b"{}", 422), (b'{"username": 1}', 422)):
        headers = under(key) | {"Content-Type": "application/json"}
        assert people.post(REGISTER, content=body, headers=headers).status_code == status
    assert people.post(REGISTER, content=b"{}", headers=under(key)).status_code == 415
    assert people.post(KEYS, json={"name": "roof"}, headers=under(key)).status_code == 401
    assert register(people, key, "free").status_code == 201


def test_of_many_at_the_same_moment_one_is_done_and_the_others_wait_or_have_its_answer(asking, inference, database):
    inference.delay_s = 0.5
    key, before = uuid4(), count(database, "forecasts")
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: asking.post(PREDICT, json=QUESTION, headers=under(key)), range(8)))
    (first,) = [answer for answer in answers if answer.status_code == 200]
    waiting = [answer for answer in answers if answer is not first]
    assert {code(answer) for answer in waiting} == {(409, "idempotency-key-in-use")}
    assert {answer.headers["retry-after"] for answer in waiting} == {"2"}
    assert count(database, "forecasts") == before + 1
    assert len(inference.seen) == 1
    assert same(asking.post(PREDICT, json=QUESTION, headers=under(key)), first)


def test_a_key_for_a_machine_is_made_once_and_kept_nowhere(people, database):
    ada, key = known(people, "machines"), uuid4()
    made = people.post(KEYS, json={"name": "roof"}, headers=under(key, **ada))
    assert made.status_code == 201
    again = people.post(KEYS, json={"name": "roof"}, headers=under(key, **ada))
    assert code(again) == (409, "idempotency-answer-gone")
    assert "use a new Idempotency-Key" in again.json()["detail"]
    assert len(people.get(KEYS, headers=ada).json()["items"]) == 1
    assert made.json()["key"].encode() not in b"".join(
        repr(row).encode() for row in database.execute("SELECT * FROM idempotency_keys")
    )


def test_neither_keys_nor_payloads_stand_in_the_database(people, database, settings):
    register(people, "a-key-of-mine", "sealed")
    stored = "".join(map(repr, database.execute("SELECT * FROM idempotency_keys")))
    assert "a-key-of-mine" not in stored
    assert PASSWORD not in stored


def test_a_repetition_after_a_day_is_a_new_request_and_old_rows_are_forgotten(people, database):
    ada, key, content = known(people, "a-day-later"), uuid4(), book(rows(3))
    first = bring(people, key, content, ada)
    yesterday = (datetime.now(UTC) - timedelta(seconds=1)).replace(tzinfo=None).isoformat(" ")
    with database:
        database.execute("UPDATE idempotency_keys SET expires_at = ?", [yesterday])
    again = bring(people, key, content, ada)
    assert (again.json()["imported"], again.json()["duplicates"]) == (0, 3)
    assert again.json()["importId"] != first.json()["importId"]
    assert "idempotency-replayed" not in again.headers


def test_the_interface_says_where_it_is_taken_and_for_how_long(people):
    paths = people.get("/openapi.json").json()["paths"]
    taking = {
        (path, method): (operation, parameter)
        for path, operations in paths.items()
        for method, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    taken = {REGISTER, PREDICT, IMPORT, "/api/v1/readings/import", KEYS}
    assert taking.keys() >= {(path, "post") for path in taken}
    assert ("/api/auth/login", "post") not in taking
    for operation, said in taking.values():
        assert operation["responses"].keys() >= {"400", "409", "422", "429"}
        assert "24 hours" in said["description"]
