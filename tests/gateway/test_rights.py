"""What is remembered of who may ask: for seconds, only so much, and nothing that was taken back."""

import asyncio
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, known, login

from gateway import rights, store
from gateway.rights import Identity, Rights
from gateway.settings import Settings
from gateway.tokens import Signer

INFER = "/v2/models/load/infer"
SECRET = "s" * 32


def shown(token):
    return [(b"authorization", b"Bearer " + token)]


@pytest.fixture
def guarded(tmp_path):
    """Rights over an empty database, and a way to make a token."""
    database, signer = store.connect(f"sqlite:///{tmp_path / 'x.db'}"), Signer(SECRET)
    store.migrate(database)
    made = Rights(Settings())
    made.open(database, signer)

    def token():
        made, _ = signer.make(uuid4(), 0)
        return made.encode()

    yield made, token
    database.dispose()


def answering(monkeypatch, seconds=0.0):
    """Every token is somebody's, as a database would say that takes so long."""
    asked = []

    def by_token(_, token):
        asked.append(token.jti)
        time.sleep(seconds)
        return Identity(token.user, "somebody", "operator", "token", token.jti, token.until)

    monkeypatch.setattr(rights, "_by_token", by_token)
    return asked


async def test_the_database_is_asked_once_in_so_many_seconds(guarded, monkeypatch):
    asked, (made, token) = answering(monkeypatch), guarded
    monkeypatch.setattr(rights, "REMEMBERED_S", 0.2)
    one = token()
    assert not made.admits((one,))
    for _ in range(5):
        assert (await made.identify(shown(one))).name == "somebody"
    assert made.admits((b"else", one))
    assert len(asked) == 1
    await asyncio.sleep(0.25)
    assert not made.admits((one,))
    await made.identify(shown(one))
    assert len(asked) == 2


async def test_what_is_taken_back_during_its_look_up_is_not_remembered(guarded, monkeypatch):
    asked, (made, token) = answering(monkeypatch, 0.1), guarded
    one = token()
    looking = asyncio.create_task(made.identify(shown(one)))
    while not asked:
        await asyncio.sleep(0.01)
    made.forget(asked[0])
    await looking
    assert not made.admits((one,))


async def test_only_so_many_are_remembered_and_none_who_was_refused(guarded, monkeypatch):
    made, token = guarded
    assert await made.identify(shown(token())) is None
    assert await made.identify([(b"x-api-key", b"fw_" + b"x" * 43)]) is None
    assert made._admitted == {}
    answering(monkeypatch)
    monkeypatch.setattr(rights, "KEPT", 8)
    for _ in range(20):
        await made.identify(shown(token()))
        assert 0 < len(made._admitted) <= 8


def test_another_gateway_on_the_database_learns_of_a_logout_in_seconds(run_gateway, inference, tmp_path, monkeypatch):
    monkeypatch.setattr(rights, "REMEMBERED_S", 0.3)
    settings = Settings(data=tmp_path, inference_url=inference.url)
    with run_gateway(settings, key=False) as one, run_gateway(settings, key=False) as other:
        known(one, "both")
        token = bearer(login(other, "both").json()["token"])
        assert other.post(INFER, content=b"{}", headers=token).status_code == 200
        assert one.post("/api/auth/logout", headers=token).status_code == 204
        time.sleep(0.35)
        assert other.post(INFER, content=b"{}", headers=token).status_code == 401


def test_without_a_database_accounts_are_503_and_the_key_of_all_goes_on(run_gateway, inference, tmp_path):
    settings = Settings(data=tmp_path, inference_url=inference.url, api_key="k", registration=True)
    with run_gateway(settings, key=False) as client:
        token = bearer(Signer((tmp_path / "secret.key").read_text()).make(uuid4(), 0)[0])
        engine = store.connect(settings.database)
        with engine.begin() as connection:
            for table in ("api_keys", "users"):
                connection.execute(text(f"DROP TABLE {table}"))
        engine.dispose()
        for headers in (token, {"X-API-Key": "fw_x"}):
            answer = client.post(INFER, content=b"{}", headers=headers)
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert "retry-after" in answer.headers
        assert login(client, "nobody").status_code == 503
        assert client.post(INFER, content=b"{}", headers={"X-API-Key": "k"}).status_code == 200
