"""People register, log in and out; everybody else is refused where anonymous callers are."""

import os
import re
import stat
import sys
from pathlib import Path

import jwt
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from people import PASSWORD, bearer, known, login, register

from gateway import passwords, store
from gateway.app import create_app
from gateway.settings import Settings
from gateway.tables import User

INFER = "/v2/models/load/infer"
SECRET = "s" * 32


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("people"), inference_url=upstream.url)


@pytest.fixture(scope="module")
def people(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture(scope="module")
def database(settings, people):
    engine = store.connect(settings.database)
    yield engine
    engine.dispose()


def test_who_registers_and_logs_in_gets_a_token_of_two_hours(people):
    registered = register(people, "zhangsan")
    assert registered.status_code == 201
    assert registered.json().keys() == {"userId", "username"}
    answer = login(people, "zhangsan")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json().keys() == {"token", "expiresIn"}
    said = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    assert said["exp"] - said["iat"] == answer.json()["expiresIn"] == 7200
    assert said["sub"] == registered.json()["userId"]
    me = people.get("/api/v1/me", headers=bearer(answer.json()["token"])).json()
    assert me == registered.json() | {"email": "zhangsan@example.org", "role": "engineer"}


def test_a_token_opens_both_ways_to_an_inference_and_stays_here(people, inference):
    headers = known(people, "lisi")
    for way in ({}, {}, {"TE": "trailers"}):
        assert people.post(INFER, content=b"{}", headers=headers | way).status_code == 200
    assert len(inference.seen) == 3
    assert headers["Authorization"].removeprefix("Bearer ") not in str(inference.seen)
    assert people.post(INFER, content=b"{}").status_code == 401


def test_a_token_that_was_given_back_ends_at_once_on_both_ways(people, inference):
    register(people, "wangwu")
    mine, other = (bearer(login(people, "wangwu").json()["token"]) for _ in range(2))
    assert people.post(INFER, content=b"{}", headers=mine).status_code == 200
    assert people.post("/api/auth/logout", headers=mine).status_code == 204
    for way in ({}, {"TE": "trailers"}):
        assert people.post(INFER, content=b"{}", headers=mine | way).status_code == 401
    assert people.post("/api/auth/logout", headers=mine).status_code == 401
    assert people.get("/api/v1/me", headers=other).status_code == 200


def test_a_token_is_renewed_once_and_the_old_one_ends(people):
    register(people, "renewer")
    old = bearer(login(people, "renewer").json()["token"])
    renewed = people.post("/api/auth/refresh", headers=old)
    assert renewed.status_code == 200
    assert people.post("/api/auth/refresh", headers=old).status_code == 401
    assert people.get("/api/v1/me", headers=bearer(renewed.json()["token"])).status_code == 200


@pytest.mark.parametrize("name", ["Zhang", "zhang", "ZHANG", "ｚｈａｎｇ"])
def test_a_name_is_taken_in_whatever_case_and_width(people, name):
    known(people, "zHang")
    answer = register(people, name)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert "another name" in answer.json()["detail"]
    assert login(people, name).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"username": ""}, "/username"),
        ({"username": "two words"}, "/username"),
        ({"username": "x" * 65}, "/username"),
        ({"username": 7}, "/username"),
        ({"password": "12345"}, "/password"),
        ({"password": "x" * 129}, "/password"),
        ({"email": "nobody"}, "/email"),
        ({"email": "a@b\n"}, "/email"),
    ],
)
def test_what_cannot_be_registered_is_422_and_repeats_no_password(people, wrong, at):
    secret = wrong.get("password", "hush-hush")
    body = {"username": "new", "password": secret, "email": "new@example.org"} | wrong
    answer = people.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, at)
    assert secret not in answer.text


def test_a_long_password_counts_to_its_last_character(people):
    password = "长" * 127 + "x"
    assert register(people, "long", password).status_code == 201
    assert login(people, "long", password).status_code == 200
    assert login(people, "long", password[:-1] + "y").status_code == 401


def test_what_is_stored_names_algorithm_iterations_and_salt(people, database):
    known(people, "stored")
    with Session(database) as session:
        kept = session.scalar(select(User.password).where(User.name == "stored"))
    said = re.fullmatch(r"\$pbkdf2-sha256\$i=(\d+)\$([\w+/]{22})\$[\w+/]{43}", kept)
    assert int(said[1]) >= 600_000
    assert PASSWORD not in kept


def test_a_weaker_hash_becomes_a_strong_one_at_login(people, database):
    known(people, "old")
    weak = update(User).where(User.name == "old").values(password=passwords.hashed(PASSWORD, 1000))
    with Session(database) as session, session.begin():
        session.execute(weak)
    assert login(people, "old").status_code == 200
    with Session(database) as session:
        kept = session.scalar(select(User.password).where(User.name == "old"))
    assert not passwords.weaker(kept)
    assert passwords.matches(PASSWORD, kept)


def test_who_is_disabled_is_refused_in_the_words_for_a_wrong_password(people, database):
    known(people, "gone")
    with Session(database) as session, session.begin():
        session.execute(update(User).where(User.name == "gone").values(disabled_at=User.created_at))
    answers = [login(people, "gone"), login(people, "gone", "wrong-password"), login(people, "never-was")]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_the_secret_is_made_once_for_its_owner_alone_and_survives_a_restart(run_gateway, settings, people):
    headers = known(people, "survivor")
    kept = settings.data / "secret.key"
    assert (stat.S_IMODE(kept.stat().st_mode), len(kept.read_text())) == (0o600, 64)
    assert sorted(name for name in os.listdir(settings.data) if "secret" in name) == ["secret.key"]
    with run_gateway(settings, key=False) as again:
        assert again.get("/api/v1/me", headers=headers).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_without_a_right_every_route_but_the_open_ones_is_401(people, settings, method):
    app = create_app(settings)
    paths = {re.sub(r"{\w+(:path)?}", "x", path) for path in routes(app)}
    refused = {path for path in paths if people.request(method, path).status_code == 401}
    assert len(refused) > 7
    opened = {
        "/livez",
        "/readyz",
        "/docs",
        "/openapi.json",
        *(f"/api/auth/{way}" for way in ("register", "login", "setup")),
    }
    assert paths - refused == opened


def routes(app):
    """Every address that the app would take, whether or not the interface tells of it."""
    for route in app.routes:
        if hasattr(route, "original_router"):
            yield from routes(route.original_router)
        else:
            yield route.path


@pytest.mark.parametrize(
    ("knobs", "status"),
    [
        ({}, 201),
        ({"api_key": "k"}, 401),
        ({"api_key": "k", "registration": True}, 201),
        ({"registration": False}, 401),
        ({"registration": False, "anonymous": True}, 403),
    ],
)
def test_who_may_register_without_a_right(run_gateway, inference, tmp_path, knobs, status):
    with run_gateway(Settings(data=tmp_path, inference_url=inference.url, **knobs), key=False) as client:
        assert register(client, "new").status_code == status
        assert client.get("/api/v1/me").status_code == 401
        assert client.post(INFER, content=b"{}").status_code == (200 if "anonymous" in knobs else 401)


def test_the_first_admin_comes_from_the_environment_and_makes_accounts(run_gateway, upstream, tmp_path):
    word = tmp_path / "word"
    word.write_text("correct horse battery\n")
    knobs = {"data": tmp_path, "inference_url": upstream.url, "registration": False}
    for first in (True, False):  # the second start changes nothing
        with run_gateway(Settings(**knobs, admin_password_file=word), key=False) as client:
            token = login(client, "admin", "correct horse battery").json()["token"]
            assert client.get("/api/v1/me", headers=bearer(token)).json()["role"] == "admin"
            client.headers = bearer(token)
            assert register(client, "made").status_code == (201 if first else 409)
            assert client.get("/api/v1/me").json()["username"] == "admin"
            client.headers = known(client, "other") if first else {}
            assert register(client, "not-made").status_code == (403 if first else 401)
        word.write_text("another password\n")


def test_without_that_there_is_no_admin_and_nobody_takes_the_name(people):
    assert login(people, "admin", "admin").status_code == 401
    assert register(people, "Admin").status_code == 409


@pytest.mark.parametrize(("knob", "value"), [("secret", "short"), ("admin_password", "12345")])
def test_a_weak_word_is_refused_and_not_repeated(knob, value):
    with pytest.raises(ValueError, match=knob) as refused:
        Settings(**{knob: value})
    assert "input_value" not in str(refused.value)
    assert Settings(secret=SECRET).word("secret") == SECRET


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_first_role_is_what_the_settings_say(run_gateway, inference, tmp_path, role):
    settings = Settings(data=tmp_path, inference_url=inference.url, first_role=role)
    with run_gateway(settings, key=False) as client:
        headers = known(client, "new")
        assert client.get("/api/v1/me", headers=headers).json()["role"] == role
        assert client.post(INFER, content=b"{}", headers=headers).status_code == (403 if role == "viewer" else 200)
        assert client.post("/api/data/sample", headers=headers).status_code == 403
    with pytest.raises(ValueError, match="first_role"):
        Settings(first_role="admin")
