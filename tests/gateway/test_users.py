"""Admins give roles, disable accounts and end keys, at once; there is always one of them left."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, known, login, register

from gateway import audit, store
from gateway.settings import Settings
from gateway.tables import AuditEntry

INFER = "/v2/models/load/infer"
WORD = "correct horse battery"


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("users"), inference_url=upstream.url, admin_password=WORD)


@pytest.fixture(scope="module")
def people(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture(scope="module")
def admin(people):
    return bearer(login(people, "admin", WORD).json()["token"])


@pytest.fixture
def somebody(people):
    """A new account: its id and the headers of a login."""
    name = uuid4().hex
    headers = known(people, name)
    return people.get("/api/v1/me", headers=headers).json()["userId"], headers


def change(people, admin, user, **fields):
    return people.patch(f"/api/v1/users/{user}", headers=admin, json=fields)


def test_accounts_are_listed_in_pages_without_passwords_and_without_the_machine(people, admin, somebody):
    pages = [people.get("/api/v1/users", headers=admin, params={"page": n, "per_page": 1}).json() for n in (1, 2)]
    assert pages[0]["items"][0].keys() == {"id", "username", "email", "role", "created_at", "disabled_at"}
    assert (pages[0]["items"][0]["username"], pages[0]["items"][0]["role"]) == ("admin", "admin")
    assert pages[0]["items"] != pages[1]["items"]
    everybody = people.get("/api/v1/users", headers=admin, params={"per_page": 500}).json()
    assert len(everybody["items"]) == everybody["total"] == pages[0]["total"] > 1
    assert somebody[0] in {user["id"] for user in everybody["items"]}
    assert str(UUID(int=0)) not in {user["id"] for user in everybody["items"]}
    assert people.get("/api/v1/users", headers=admin, params={"per_page": 501}).status_code == 422


def test_a_role_counts_at_once_also_for_tokens_and_keys_that_are_remembered(people, admin, somebody, inference):
    user, headers = somebody
    key = {"X-API-Key": people.post("/api/v1/keys", headers=headers, json={"name": "x"}).json()["key"]}
    for shown in (headers, key):
        assert people.post(INFER, headers=shown, content=b"{}").status_code == 200
    assert change(people, admin, user, role="viewer").json()["role"] == "viewer"
    for shown in (headers, key):
        assert people.get("/api/v1/me", headers=shown).json()["role"] == "viewer"
        for way in ({}, {"TE": "trailers"}):  # the short and the long one
            refused = people.post(INFER, headers=shown | way, content=b"{}")
            assert (refused.status_code, refused.json()["type"]) == (403, "urn:forewatt:problem:role-too-low")
            assert "operator" in refused.json()["detail"]
            assert "admin" in refused.json()["detail"]
        assert people.get("/v2", headers=shown).status_code == 200
    change(people, admin, user, role="operator")
    assert people.post(INFER, headers=headers, content=b"{}").status_code == 200
    assert people.post("/api/data/sample", headers=headers).status_code == 403


def test_who_is_disabled_is_out_at_once_and_enabling_brings_no_old_login_back(people, admin, somebody, inference):
    user, headers = somebody
    key = {"X-API-Key": people.post("/api/v1/keys", headers=headers, json={"name": "x"}).json()["key"]}
    name = people.get("/api/v1/me", headers=headers).json()["username"]
    for shown in (headers, key):
        assert people.post(INFER, headers=shown, content=b"{}").status_code == 200
    assert change(people, admin, user, disabled=True).json()["disabled_at"] is not None
    for shown in (headers, key):
        for way in ({}, {"TE": "trailers"}):
            assert people.post(INFER, headers=shown | way, content=b"{}").status_code == 401
    assert login(people, name).status_code == 401
    assert change(people, admin, user, disabled=False).json()["disabled_at"] is None
    for shown in (headers, key):
        assert people.get("/api/v1/me", headers=shown).status_code == 401
    again = bearer(login(people, name).json()["token"])
    assert people.get("/api/v1/me", headers=again).status_code == 200
    assert people.post("/api/auth/refresh", headers=again).status_code == 200


def test_an_admin_sees_and_ends_the_keys_of_others(people, admin, somebody):
    user, headers = somebody
    made = people.post("/api/v1/keys", headers=headers, json={"name": "roof"}).json()
    key, listed = {"X-API-Key": made["key"]}, f"/api/v1/users/{user}/keys"
    assert people.get("/api/v1/me", headers=key).status_code == 200
    (shown,) = people.get(listed, headers=admin).json()["items"]
    assert (shown["id"], shown["name"], "key" in shown) == (made["id"], "roof", False)
    assert people.delete(f"/api/v1/users/{uuid4()}/keys/{made['id']}", headers=admin).status_code == 404
    assert people.delete(f"{listed}/{made['id']}", headers=admin).status_code == 204
    assert people.get("/api/v1/me", headers=key).status_code == 401
    assert people.get(listed, headers=admin).json() == {"items": []}
    assert people.delete(f"{listed}/{made['id']}", headers=admin).status_code == 404


@pytest.mark.parametrize("user", [uuid4(), UUID(int=0)], ids=["nobody", "the machine"])
def test_an_account_that_is_not_there_is_404(people, admin, user):
    for answer in (change(people, admin, user, role="admin"), people.get(f"/api/v1/users/{user}/keys", headers=admin)):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:forewatt:problem:no-such-user")


@pytest.mark.parametrize("wrong", [{"role": "king"}, {"disabled": "yes"}, {"password": "x"}, {"role": "admin", "x": 1}])
def test_a_change_that_cannot_be_is_422(people, admin, somebody, wrong):
    assert change(people, admin, somebody[0], **wrong).status_code == 422


def test_accounts_are_changed_by_people_who_logged_in_and_not_by_keys(people, admin, somebody):
    key = people.post("/api/v1/keys", headers=admin, json={"name": "x"}).json()["key"]
    answer = change(people, {"X-API-Key": key}, somebody[0], role="admin")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:forewatt:problem:login-wanted")


def test_of_two_admins_who_demote_each_other_at_once_one_stays(run_gateway, inference, tmp_path):
    settings = Settings(data=tmp_path, inference_url=inference.url, admin_password=WORD)
    with run_gateway(settings, key=False) as people:
        first = bearer(login(people, "admin", WORD).json()["token"])
        one = people.get("/api/v1/me", headers=first).json()["userId"]
        alone = [change(people, first, one, role="viewer"), change(people, first, one, disabled=True)]
        assert [answer.status_code for answer in alone] == [409, 409]
        other = register(people, "second").json()["userId"]
        change(people, first, other, role="admin")
        second = bearer(login(people, "second").json()["token"])
        with ThreadPoolExecutor(2) as both:
            asked = both.map(lambda who: change(people, *who, disabled=True), [(first, other), (second, one)])
            statuses = sorted(answer.status_code for answer in asked)
        assert statuses in ([200, 401], [200, 409])
        left = [who for who in (first, second) if people.get("/api/v1/users", headers=who).status_code == 200]
        assert len(left) == 1


def test_who_was_disabled_elsewhere_a_moment_ago_can_neither_come_back_nor_leave_a_key(
    run_gateway, inference, tmp_path
):
    settings = Settings(data=tmp_path, inference_url=inference.url, admin_password=WORD)
    with run_gateway(settings, key=False) as here, run_gateway(settings, key=False) as there:
        admin = bearer(login(here, "admin", WORD).json()["token"])
        rogue = register(here, "rogue").json()["userId"]
        change(here, admin, rogue, role="admin")
        theirs = bearer(login(there, "rogue").json()["token"])
        assert there.get("/api/v1/me", headers=theirs).json()["role"] == "admin"  # and is remembered there
        change(here, admin, rogue, disabled=True)
        assert change(there, theirs, rogue, disabled=False).status_code == 401
        assert there.post("/api/v1/keys", headers=theirs, json={"name": "back door"}).status_code == 401
        assert here.get(f"/api/v1/users/{rogue}/keys", headers=admin).json() == {"items": []}
        assert change(here, admin, rogue, disabled=False).json()["role"] == "admin"


def test_each_change_stands_in_the_audit_log_with_who_made_it(people, admin, somebody, settings):
    user, _ = somebody
    by = people.get("/api/v1/me", headers=admin).json()["userId"]
    change(people, admin, user, role="expert", disabled=True)
    database = store.connect(settings.database)
    with Session(database) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject == user).order_by(AuditEntry.number))
        assert [(entry.action, str(entry.actor)) for entry in entries][-2:] == [("role-expert", by), ("disabled", by)]
    assert audit.broken_at(database) is None
    database.dispose()
