"""Machines have keys: shown once, kept as a hash, no stronger than their owner, and ended at once."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from people import known

from gateway import keys, store
from gateway.settings import Settings
from gateway.tables import Key, User

INFER = "/v2/models/load/infer"
STATIC = "one-key-for-all"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    knobs = {"data": tmp_path_factory.mktemp("keys"), "inference_url": upstream.url}
    return Settings(**knobs, api_key=STATIC, registration=True)


@pytest.fixture(scope="module")
def people(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture
def owner(people):
    return known(people, "owner")


@pytest.fixture
def database(settings, people):
    engine = store.connect(settings.database)
    yield engine
    engine.dispose()


def make(people, owner, **fields):
    answer = people.post("/api/v1/keys", headers=owner, json={"name": "roof", **fields})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    return answer.json()


def change(database, made, **values):
    with Session(database) as session, session.begin():
        session.execute(update(Key).where(Key.prefix == made["prefix"]).values(**values))


def test_a_key_is_shown_whole_once_and_its_hash_is_kept(people, owner, database):
    made = make(people, owner, name="楼顶 gateway")
    assert made["key"].startswith(made["prefix"])
    assert (len(made["key"]), made["role"], made["expires_at"], made["last_used_at"]) == (46, "engineer", None, None)
    listed = people.get("/api/v1/keys", headers=owner)
    assert {**made, "key": ...} == {**listed.json()["items"][-1], "key": ...}
    assert made["key"] not in listed.text
    with Session(database) as session:
        assert made["key"] not in str(session.execute(text("SELECT * FROM api_keys")).all())


@pytest.mark.parametrize("shown", [("X-API-Key", ""), ("Authorization", "Bearer "), ("Authorization", "bearer  ")])
def test_a_key_opens_both_ways_to_an_inference_and_stays_here(people, owner, inference, shown):
    key = make(people, owner)["key"]
    headers = {shown[0]: shown[1] + key}
    for way in ({"TE": "trailers"}, {}, {}):
        assert people.post(INFER, content=b"{}", headers=headers | way).status_code == 200
    assert people.post(INFER, content=b"{}", headers={shown[0]: shown[1] + key + "x"}).status_code == 401
    assert key not in str(inference.seen)
    assert people.get("/api/v1/me", headers=headers).json()["username"] == "owner"


def test_a_revoked_key_ends_at_once_on_both_ways(people, owner, inference):
    made = make(people, owner)
    headers = {"X-API-Key": made["key"]}
    for _ in range(2):
        assert people.post(INFER, content=b"{}", headers=headers).status_code == 200
    assert people.delete(f"/api/v1/keys/{made['id']}", headers=owner).status_code == 204
    for way in ({}, {"TE": "trailers"}):
        assert people.post(INFER, content=b"{}", headers=headers | way).status_code == 401
    assert made["id"] not in people.get("/api/v1/keys", headers=owner).text
    assert people.delete(f"/api/v1/keys/{made['id']}", headers=owner).status_code == 404


def test_another_persons_keys_are_not_there(people, owner):
    made, other = make(people, owner), known(people, "stranger")
    assert people.get("/api/v1/keys", headers=other).json() == {"items": []}
    theirs, nobodys = (people.delete(f"/api/v1/keys/{n}", headers=other) for n in (made["id"], uuid4()))
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    assert theirs.json()["detail"] == nobodys.json()["detail"]
    assert people.get("/api/v1/me", headers={"X-API-Key": made["key"]}).status_code == 200


def test_a_key_past_its_end_is_401(people, owner, database):
    made = make(people, owner, expires_in_days=1)
    ends = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < ends <= timedelta(days=1)
    change(database, made, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert people.get("/api/v1/me", headers={"X-API-Key": made["key"]}).status_code == 401


def test_a_key_may_no_more_than_it_was_given_and_than_its_owner(people, owner, database):
    made = make(people, owner, role="viewer")
    assert people.get("/api/v1/me", headers={"X-API-Key": made["key"]}).json()["role"] == "viewer"
    more = people.post("/api/v1/keys", headers=owner, json={"name": "x", "role": "admin"})
    assert (more.status_code, more.json()["type"]) == (403, "urn:forewatt:problem:role-too-high")
    made = make(people, owner)
    change(database, made, role="admin")
    assert people.get("/api/v1/me", headers={"X-API-Key": made["key"]}).json()["role"] == "engineer"


def test_the_keys_of_who_is_disabled_admit_nobody(people, database):
    made = make(people, known(people, "leaver"))
    with Session(database) as session, session.begin():
        session.execute(update(User).where(User.name == "leaver").values(disabled_at=datetime.now(UTC)))
    assert people.get("/api/v1/me", headers={"X-API-Key": made["key"]}).status_code == 401


def test_the_last_use_is_noted(people, owner, database):
    made = make(people, owner)
    people.get("/api/v1/me", headers={"X-API-Key": made["key"]})
    with Session(database) as session:
        used = session.scalar(select(Key.last_used_at).where(Key.prefix == made["prefix"]))
    assert datetime.now(UTC) - used < timedelta(minutes=1)


def test_a_key_makes_no_keys_and_ends_no_login(people, owner):
    headers = {"X-API-Key": make(people, owner)["key"]}
    for method, path in (("POST", "/api/v1/keys"), ("GET", "/api/v1/keys"), ("POST", "/api/auth/logout")):
        answer = people.request(method, path, headers=headers, json={"name": "x"} if path.endswith("keys") else None)
        assert answer.status_code == 403
        assert "Log in" in answer.json()["detail"]


def test_the_key_of_all_still_admits_and_opens_no_account(people, inference):
    for headers in ({"X-API-Key": STATIC}, {"Authorization": f"Bearer {STATIC}"}):
        assert people.post(INFER, content=b"{}", headers=headers).status_code == 200
        assert people.get("/api/v1/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "asked", [{}, {"name": ""}, {"name": "a\nb"}, {"role": "king"}, {"expires_in_days": 0}, {"expires_in_day": 1}]
)
def test_a_key_that_cannot_be_is_422(people, owner, asked):
    body = asked if asked.keys() <= {"name"} else {"name": "x", **asked}
    assert people.post("/api/v1/keys", headers=owner, json=body).status_code == 422


def test_an_account_has_only_so_many_keys_however_fast_it_asks(people, monkeypatch):
    monkeypatch.setattr(keys, "MOST_KEYS", 3)
    many = known(people, "collector")
    with ThreadPoolExecutor(8) as at_once:
        answers = list(at_once.map(lambda _: people.post("/api/v1/keys", headers=many, json={"name": "x"}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
