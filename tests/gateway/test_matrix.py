"""Each route of the interface × each role × whose it is: answered, or refused, as it is declared beside the route."""

import re
import sys
import time
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parent))
from matrix import ALLOWED, OPEN, World, expected, filled, operations, two_of_each, undeclared
from people import bearer

from gateway import store, tokens
from gateway.app import create_app
from gateway.rights import ROLES
from gateway.settings import Settings
from gateway.tokens import Signer

SECRET = "the-matrix-has-a-secret-of-its-own"  # noqa: S105
OPERATIONS = operations(create_app(Settings()))
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("matrix"), inference_url=upstream.url, secret=SECRET)


@pytest.fixture(scope="module")
def gateway(run_gateway, upstream, settings):
    upstream.reset()
    with run_gateway(settings, key=False) as client:
        yield client


@pytest.fixture(scope="module")
def world(settings, gateway):
    database = store.connect(settings.database)
    yield World(database)
    database.dispose()


@pytest.fixture(scope="module")
def people(world):
    return two_of_each(world)


def ask(gateway, operation, path, headers):
    """The status; what would go on for ever is not waited for."""
    with gateway.stream(operation.method, path, headers=headers, **operation.body()) as answer:
        return answer.status_code


def token(world, user):
    made, _ = Signer(SECRET).make(user, world.generation_of(user))
    return bearer(made)


def expired(user):
    then = int(time.time()) - 7200
    said = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": str(user),
        "iat": then,
        "nbf": then,
        "exp": then + 7199,
    }
    said |= {"jti": uuid4().hex, "auth_time": then, "gen": 0}
    return bearer(jwt.encode(said, SECRET, tokens.ALGORITHM, headers={"typ": tokens.TYPE}))


def test_every_route_says_beside_it_which_role_it_wants_or_is_open_on_purpose():
    assert undeclared(create_app(Settings())) == [], "write dependencies=[at_least(…)] beside these"
    assert {operation.name for operation in OPERATIONS} >= OPEN
    assert len(OPERATIONS) > 30


def test_a_route_that_says_nothing_is_found_out():
    app = FastAPI()
    app.get("/seen")(lambda: None)
    app.post("/hidden", include_in_schema=False)(lambda: None)
    assert undeclared(app) == ["POST /hidden", "GET /seen"]


@every_operation
def test_without_a_right_and_with_one_that_is_over_only_what_is_open_is_answered(gateway, world, people, operation):
    someone, _ = people["admin"]
    path, _ = filled(operation.path, world, someone)
    for headers in ({}, expired(someone), {"X-API-Key": "fw_" + "x" * 43}):
        status = ask(gateway, operation, path, headers)
        assert status in (ALLOWED if operation.name in OPEN else {401})


@every_operation
@pytest.mark.parametrize("mine", [True, False], ids=["their own", "another's"])
def test_each_role_is_answered_as_declared(gateway, world, people, operation, mine):
    found, wanted = {}, {}
    for role in ROLES:
        owner, other = people[role]
        path, owned = filled(operation.path, world, owner)
        found[role] = ask(gateway, operation, path, token(world, owner if mine else other))
        wanted[role] = expected(operation, role, owned=owned, mine=mine)
    assert {role: status for role, status in found.items() if status not in wanted[role]} == {}


def test_the_page_that_says_who_may_do_what_is_right():
    page = (Path(__file__).parents[2] / "docs" / "decisions" / "0009-who-may-do-what.md").read_text()
    said = {
        (method, path): role
        for role, routes in re.findall(r"^\| (\w+) \| [^|]+ \| (.*) \|$", page, re.MULTILINE)
        for method, path in re.findall(r"([A-Z]+) `([^`]+)`", routes)
    }
    assert set(said.values()) == set(ROLES)
    declared = {operation.name: operation.role for operation in OPERATIONS}
    assert said == {name: declared.get(name) for name in said}
