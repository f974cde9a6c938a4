"""People change their own passwords, see their own logins and end them, and nobody else's."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
from people import PASSWORD, bearer, known, login, register

from gateway import audit, store
from gateway.settings import Settings
from gateway.tables import AuditEntry

OTHER = "another word"
ME, LOGINS = "/api/v1/me", "/api/v1/me/logins"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("logins"), inference_url=upstream.url)


@pytest.fixture(scope="module")
def people(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture
def alone(run_gateway, upstream, tmp_path):
    """A gateway where nothing has failed yet."""
    with run_gateway(Settings(data=tmp_path, inference_url=upstream.url), key=False) as client:
        yield client


def change(people, headers, old=PASSWORD, new=OTHER):
    return people.put(f"{ME}/password", headers=headers, json={"password": old, "newPassword": new})


def test_another_password_ends_every_login_but_the_new_one_and_leaves_the_keys(people, settings):
    register(people, "ada")
    mine, elsewhere = (bearer(login(people, "ada").json()["token"]) for _ in range(2))
    key = {"X-API-Key": people.post("/api/v1/keys", headers=mine, json={"name": "roof"}).json()["key"]}
    answer = change(people, mine)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    for ended in (mine, elsewhere):
        assert people.get(ME, headers=ended).status_code == 401
    for good in (bearer(answer.json()["token"]), key):
        assert people.get(ME, headers=good).status_code == 200
    assert [login(people, "ada", word).status_code for word in (PASSWORD, OTHER)] == [401, 200]
    database = store.connect(settings.database)
    with store.transaction(database) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "password-changed")).one()
    assert (str(entry.actor), entry.address) == (entry.subject, "127.0.0.1")
    assert audit.broken_at(database) is None
    database.dispose()


def test_the_old_password_is_asked_for_and_trying_it_out_has_the_limit_of_a_login(alone):
    headers = known(alone, "bob")
    for _ in range(5):
        answer = change(alone, headers, old="not-it")
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:forewatt:problem:password-wrong")
    for refused in (change(alone, headers), login(alone, "bob")):
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert alone.get(ME, headers=headers).status_code == 200


def test_of_two_changes_at_once_one_is_refused(people):
    headers, words = known(people, "carol"), ["the first word", "the second word"]
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda word: change(people, headers, new=word), words))
    good = [word for word, answer in zip(words, answers, strict=True) if answer.status_code == 200]
    assert len(good) == 1
    assert login(people, "carol", good[0]).status_code == 200


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({"newPassword": OTHER}, "/password"),
        ({"password": PASSWORD}, "/newPassword"),
        ({"password": PASSWORD, "newPassword": "12345"}, "/newPassword"),
        ({"password": PASSWORD, "newPassword": "x" * 129}, "/newPassword"),
        ({"password": PASSWORD, "newPassword": OTHER, "username": "x"}, "/username"),
    ],
)
def test_a_change_that_cannot_be_is_422_and_repeats_no_password(people, body, at):
    answer = people.put(f"{ME}/password", headers=known(people, "dora"), json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, at)
    assert not any(word in answer.text for word in (PASSWORD, OTHER, "12345"))


def test_one_sees_ones_own_logins_since_they_were_last_ended_the_newest_first(people):
    known(people, "stranger")
    headers = known(people, "eve")
    login(people, "eve", "not-it")
    login(people, "eve")
    items = people.get(LOGINS, headers=headers).json()["items"]
    assert [item["address"] for item in items] == ["127.0.0.1"] * 2
    assert items[0]["at"] >= items[1]["at"]
    assert people.delete(LOGINS, headers=headers).status_code == 204
    assert people.get(ME, headers=headers).status_code == 401
    again = bearer(login(people, "eve").json()["token"])
    assert len(people.get(LOGINS, headers=again).json()["items"]) == 1


def test_a_key_changes_no_password_and_ends_no_login(people):
    headers = known(people, "frank")
    key = {"X-API-Key": people.post("/api/v1/keys", headers=headers, json={"name": "roof"}).json()["key"]}
    refused = [change(people, key), people.get(LOGINS, headers=key), people.delete(LOGINS, headers=key)]
    assert [answer.status_code for answer in refused] == [403] * 3
    assert people.get(ME, headers=headers).status_code == 200


def test_where_others_rely_on_it_a_common_password_is_refused_here_too(run_gateway, upstream, tmp_path):
    drawn = "8f1c0c2b9a7d4e6f5a3b1d0e9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b"
    settings = Settings(data=tmp_path, inference_url=upstream.url, profile="onprem", secret=drawn)
    with run_gateway(settings, key=False) as people:
        headers = known(people, "gina", "Kanu-Wolke-Siebzehn")
        answer = change(people, headers, "Kanu-Wolke-Siebzehn", "password1234")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/newPassword")
