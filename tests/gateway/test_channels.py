"""Channels over HTTP: saved without secrets, refused with what to do, tested with what happened, and what was told."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import SETTINGS, notice
from people import bearer, login

from gateway import store
from gateway.channels import outbox, references, trial
from gateway.settings import Settings

WORD = "correct horse battery"
SECRET = f"{references.PREFIX}ROUTES"
NAMED = f"${{{SECRET}}}"
PATH = "/api/v1/channels"
MAIL = {"host": "mail.example", "sender": "f@example.org", "recipients": ["a@example.org"]}


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("channels"), inference_url=upstream.url, admin_password=WORD)


@pytest.fixture(scope="module")
def client(run_gateway, settings):
    with run_gateway(settings, key=False) as client:
        client.headers.update(bearer(login(client, "admin", WORD).json()["token"]))
        yield client


@pytest.fixture
def database(settings, client):
    engine = store.connect(settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def web():
    with sinks.web() as sink:
        yield sink


def make(client, kind="webhook", target=None, **more):
    return client.post(PATH, json={"name": uuid4().hex, "kind": kind, "target": target or {}, **more})


def test_a_channel_is_made_looked_at_changed_and_removed(client, web):
    asked = {"language": "zh", "timezone": "Asia/Shanghai", "from_level": 2, "chain": "boss", "place": 3}
    made = make(client, target={"url": web.url}, **asked)
    assert made.status_code == 201, made.text
    channel = made.json()
    assert {name: channel[name] for name in asked} == asked
    assert (channel["enabled"], channel["most_a_day"], channel["missing"]) == (True, None, [])
    assert client.get(f"{PATH}/{channel['id']}").json() == channel
    assert channel in client.get(PATH).json()["items"]
    wanted = {"name": "楼顶", "kind": "webhook", "target": {"url": web.url + "/x"}, "enabled": False}
    changed = client.put(f"{PATH}/{channel['id']}", json=wanted).json()
    assert {name: changed[name] for name in wanted} == wanted
    assert (changed["language"], changed["chain"]) == ("both", "main")
    assert make(client, target={"url": web.url}, name="楼顶").status_code == 409
    assert [client.delete(f"{PATH}/{channel['id']}").status_code for _ in range(2)] == [204, 404]


def test_a_secret_is_named_and_neither_kept_nor_shown(client, web, monkeypatch, database):
    target = {"url": web.url, "secret": NAMED}
    missing = make(client, target=target)
    assert (missing.status_code, missing.json()["type"]) == (422, "urn:forewatt:problem:channel-secret-missing")
    assert f"{SECRET} is not set" in missing.json()["detail"]
    monkeypatch.setenv(SECRET, "s3cret-w0rd")
    made = make(client, target=target).json()
    assert made["target"] == target
    assert client.post(f"{PATH}/{made['id']}/test").json()["sent"]
    told = client.get("/api/v1/notices").text
    assert "s3cret-w0rd" not in client.get(PATH).text + told
    with store.transaction(database) as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM channels").all()
    assert "s3cret-w0rd" not in str(rows)
    monkeypatch.delenv(SECRET)
    assert client.get(f"{PATH}/{made['id']}").json()["missing"] == [SECRET]
    tested = client.post(f"{PATH}/{made['id']}/test").json()
    assert not tested["sent"]
    assert f"{SECRET} is not set" in tested["said"]


@pytest.mark.parametrize(
    ("kind", "target", "word"),
    [
        ("email", {**MAIL, "password": "in the open"}, "/target/password"),
        ("email", {**MAIL, "recipients": []}, "/target/recipients"),
        ("email", {**MAIL, "recipients": ["a@example.org\r\nBcc: b@example.org"]}, "/target/recipients/0"),
        ("email", {**MAIL, "sender": "f@example.org, g@example.org"}, "/target/sender"),
        ("email", {**MAIL, "security": "none", "username": "f", "password": NAMED}, "in the open"),
        ("webhook", {"url": "ftp://example.org"}, "https://"),
        ("webhook", {"url": "https://name:word@example.org"}, "name and password"),
        ("webhook", {"url": "https://example.org", "secret": "abc"}, "/target/secret"),
        ("webhook", {"url": "https://example.org", "colour": "red"}, "/target/colour"),
        ("sms", {}, "either provider or url"),
        ("sms", {"provider": "twilio://sid:token@from/to"}, "a token in it"),
        ("sms", {"url": "https://sms.example"}, "recipients"),
        ("light_mqtt", {"host": "mqtt.example", "topic": "a/#"}, "/target/topic"),
        ("light_modbus", {"host": "x", "address": 70000}, "/target/address"),
        ("light_modbus", {"host": "x", "write": "register", "address": 1, "flashing_address": 2}, "flashing_address"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_what_could(client, kind, target, word, monkeypatch):
    monkeypatch.setenv(SECRET, "s3cret-w0rd")
    refused = make(client, kind, target)
    assert refused.status_code == 422
    assert word in refused.text


@pytest.mark.parametrize(
    ("field", "value"), [("timezone", "Mars/Olympus"), ("timezone", "../etc"), ("kind", "pigeon"), ("name", "a\nb")]
)
def test_a_channel_that_cannot_be_is_refused(client, field, value):
    assert client.post(PATH, json={"name": "x", "kind": "email", "target": MAIL, field: value}).status_code == 422


def test_a_provider_that_is_none_of_sms_is_refused_when_it_is_saved(client, monkeypatch):
    monkeypatch.setenv(SECRET, "syslog://localhost")
    refused = make(client, "sms", {"provider": NAMED})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:forewatt:problem:sms-provider-unknown")
    monkeypatch.setenv(SECRET, "twilio://sid:token@+4930123456/+4930123457")
    made = make(client, "sms", {"provider": NAMED}).json()
    assert made["most_a_day"] == 50


def test_a_test_says_what_happened_and_is_kept(client, web):
    channel = make(client, target={"url": web.url}).json()
    tested = client.post(f"{PATH}/{channel['id']}/test").json()
    assert (tested["sent"], tested["said"]) == (True, "127.0.0.1 took it with status 200.")
    assert "admin" in web.seen[0][2].decode()
    web.statuses = [500]
    failed = client.post(f"{PATH}/{channel['id']}/test").json()
    assert (failed["sent"], failed["said"]) == (False, "127.0.0.1 refused it with status 500.")
    kept = client.get(f"/api/v1/notices/{failed['notice']}").json()
    (delivery,) = kept["deliveries"]
    (attempt,) = delivery["attempts"]
    assert (kept["content"]["kind"], delivery["status"]) == ("test", "failed")
    assert (attempt["channel"], attempt["result"], attempt["reason"]) == (channel["name"], "failed", failed["said"])


def test_a_test_that_is_repeated_under_its_key_is_sent_once(client, web):
    channel = make(client, target={"url": web.url}).json()
    once = {"Idempotency-Key": uuid4().hex}
    first, second = (client.post(f"{PATH}/{channel['id']}/test", headers=once) for _ in range(2))
    assert first.json() == second.json()
    assert len(web.seen) == 1


def test_a_light_that_is_tested_is_lit_for_a_moment_and_put_back(client, monkeypatch):
    monkeypatch.setattr(trial, "SHOWN_S", 0.01)
    with sinks.modbus() as port:
        channel = make(client, "light_modbus", {"host": "127.0.0.1", "port": port, "address": 1}).json()
        tested = client.post(f"{PATH}/{channel['id']}/test").json()
        assert tested["sent"]
        assert "is flashing" in tested["said"]
        assert "is off" in tested["said"]
        assert sinks.coils(port, 2) == [False, False]
    client.delete(f"{PATH}/{channel['id']}")


def test_notices_are_listed_in_pages_the_newest_first_with_what_became_of_them(client, database, web):
    channel = make(client, target={"url": web.url}, chain=uuid4().hex).json()
    alert, now = uuid4(), datetime.now(UTC)
    told = [notice(alert=alert, step=step, level=4, place="屋顶") for step in range(3)]
    for one in told:
        with store.transaction(database) as session:
            outbox.put(session, one, now)
    outbox.deliver(database, SETTINGS, now)
    first = client.get("/api/v1/notices", params={"alert_id": str(alert), "limit": 2})
    second = client.get(first.links["next"]["url"])
    listed = first.json()["items"] + second.json()["items"]
    assert "next" not in second.links
    assert sorted(one["id"] for one in listed) == sorted(str(one.id) for one in told)
    assert all(one["content"]["place"] == "屋顶" for one in listed)
    ours = [delivery for one in listed for delivery in one["deliveries"] if delivery["chain"] == channel["chain"]]
    assert [delivery["status"] for delivery in ours] == ["delivered"] * 3
    assert client.get("/api/v1/notices", params={"after": str(uuid4())}).status_code == 404
    assert client.get(f"/api/v1/notices/{uuid4()}").status_code == 404
    assert client.get("/api/v1/notices", params={"kind": "flood"}).json() == {"items": []}
