"""A token that is not ours, not yet, no longer or not for us is 401, however it was made."""

import base64
import hmac
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import jwt
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, login, register

from gateway.settings import Settings
from gateway.tokens import Signer

SECRET = "an-installations-own-secret-of-many-letters"  # noqa: S105
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
OURS = {"alg": "HS256", "typ": "at+jwt"}


@pytest.fixture(scope="module")
def people(run_gateway, upstream, tmp_path_factory):
    data = tmp_path_factory.mktemp("tokens")
    with run_gateway(Settings(data=data, inference_url=upstream.url, secret=SECRET), key=False) as client:
        yield client


@pytest.fixture(scope="module")
def user(people):
    return register(people, "target").json()["userId"]


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def made(user, head=(), key=SECRET, digest="sha256", **claims):
    """By hand, since a library would refuse to make most of these; a claim of ... is left out."""
    now = int(time.time())
    said = {"iss": "forewatt", "aud": "forewatt", "sub": user, "iat": now, "nbf": now, "exp": now + 7200}
    said |= {"jti": uuid4().hex, "auth_time": now, "gen": 0}
    said = {name: value for name, value in (said | claims).items() if value is not ...}
    signed = part(OURS | dict(head)) + b"." + part(said)
    seal = hmac.digest(key.encode(), signed, digest) if key else b""
    return (signed + b"." + base64.urlsafe_b64encode(seal).rstrip(b"=")).decode()


def ahead(seconds):
    return int(time.time()) + seconds


ATTACKS = {
    "unsigned": lambda user: made(user, {"alg": "none"}, key=""),
    "unsigned, in capitals": lambda user: made(user, {"alg": "NONE"}, key=""),
    "said to be unsigned": lambda user: made(user, {"alg": "none"}),
    "said to be RS256": lambda user: made(user, {"alg": "RS256"}),
    "sealed with a public key": lambda user: made(user, key=PUBLIC),
    "RS256 sealed with a public key": lambda user: made(user, {"alg": "RS256"}, key=PUBLIC),
    "HS512": lambda user: made(user, {"alg": "HS512"}, digest="sha512"),
    "no algorithm": lambda user: made(user, {"alg": None}),
    "a key that is an empty file": lambda user: made(user, {"kid": "../../../../dev/null"}, key="\0"),
    "a key of the caller's": lambda user: made(user, {"jwk": {"kty": "oct", "k": "eA"}}, key="x"),
    "a key from elsewhere": lambda user: made(user, {"jku": "http://127.0.0.1:1/k"}, key="x"),
    "a critical extension": lambda user: made(user, {"crit": ["x"], "x": 1}),
    "another secret": lambda user: made(user, key=SECRET + "x"),
    "expired": lambda user: made(user, iat=ahead(-7201), nbf=ahead(-7201), exp=ahead(-1)),
    "not yet": lambda user: made(user, nbf=ahead(60)),
    "made in the future": lambda user: made(user, iat=ahead(60), exp=ahead(7260)),
    "good for too long": lambda user: made(user, exp=ahead(7300)),
    "good for ever": lambda user: made(user, exp=...),
    "an endless number": lambda user: made(user, exp=float("inf")),
    "for others": lambda user: made(user, aud="elsewhere"),
    "for nobody": lambda user: made(user, aud=...),
    "from others": lambda user: made(user, iss="elsewhere"),
    "from nobody": lambda user: made(user, iss=...),
    "of another type": lambda user: made(user, {"typ": "JWT"}),
    "of no type": lambda user: made(user, {"typ": None}),
    "of nobody": lambda _: made(str(uuid4())),
    "of the user that has no account": lambda _: made(str(UUID(int=0))),
    "of no id": lambda _: made("admin"),
    "of a number": lambda _: made(1),
    "of a login of yesterday": lambda user: made(user, auth_time=ahead(-40_000)),
    "of no login": lambda user: made(user, auth_time=...),
    "of an endless login": lambda user: made(user, auth_time=float("-inf")),
    "of logins that were ended": lambda user: made(user, gen=-1),
    "of logins to come": lambda user: made(user, gen=1),
    "of no generation": lambda user: made(user, gen=...),
    "without an id of its own": lambda user: made(user, jti=...),
    "not an object": lambda _: (part(OURS) + b"." + part([1]) + b".eA").decode(),
    "no parts": lambda _: "..",
    "no text": lambda _: "\xff.\xff.\xff",
}


def test_a_token_made_by_hand_like_ours_is_ours(people, user):
    assert people.get("/api/v1/me", headers=bearer(made(user))).status_code == 200


@pytest.mark.parametrize("attack", ATTACKS)
def test_any_other_token_is_401(people, inference, user, attack):
    headers = {"Authorization": f"Bearer {ATTACKS[attack](user)}".encode("latin-1")}
    for method, path in (("GET", "/api/v1/me"), ("POST", "/v2/models/load/infer"), ("POST", "/api/auth/refresh")):
        answer = people.request(method, path, headers=headers, content=b"{}" if path.startswith("/v2") else None)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert inference.seen == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_token_with_one_letter_changed_is_401(people, user, at):
    pieces = made(user).split(".")
    middle = len(pieces[at]) // 2
    changed = "A" if pieces[at][middle] != "A" else "B"
    pieces[at] = pieces[at][:middle] + changed + pieces[at][middle + 1 :]
    assert people.get("/api/v1/me", headers=bearer(".".join(pieces))).status_code == 401


def test_a_token_ends_after_7200_seconds_also_where_it_is_remembered(people, user, inference):
    headers = bearer(made(user, iat=ahead(-7198), nbf=ahead(-7198), exp=ahead(2)))
    assert people.post("/v2/models/load/infer", headers=headers, content=b"{}").status_code == 200
    time.sleep(2.1)
    assert people.post("/v2/models/load/infer", headers=headers, content=b"{}").status_code == 401


def test_of_two_that_renew_one_token_at_once_one_succeeds(people, user):
    register(people, "twice")
    headers = bearer(login(people, "twice").json()["token"])
    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: people.post("/api/auth/refresh", headers=headers), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7


def test_a_login_is_renewed_for_twelve_hours_and_no_longer(people, user):
    then = ahead(-12 * 3600 + 100)
    renewed = people.post("/api/auth/refresh", headers=bearer(made(user, auth_time=then, exp=ahead(90)))).json()
    assert 60 < renewed["expiresIn"] <= 100
    said = jwt.decode(renewed["token"], options={"verify_signature": False})
    assert (said["auth_time"], said["exp"]) == (then, then + 12 * 3600)
    assert people.get("/api/v1/me", headers=bearer(renewed["token"])).status_code == 200


def test_a_token_says_who_and_until_when_and_nothing_else():
    user = uuid4()
    token, lasts = Signer(SECRET).make(user, 3)
    assert lasts == 7200
    said = jwt.decode(token, options={"verify_signature": False})
    assert said.keys() == {"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "auth_time", "gen"}
    assert jwt.get_unverified_header(token) == OURS
    read = Signer(SECRET).read(token.encode())
    assert (read.user, read.generation) == (user, 3)
    assert Signer(SECRET + "x").read(token.encode()) is None
