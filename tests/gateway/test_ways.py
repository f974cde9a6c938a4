"""Each kind of channel against a real server of its kind: what arrives there, and what is said where nothing does."""

import base64
import hashlib
import hmac
import json
import logging
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import EN, ZH, parcel

from gateway.channels import posting, references, segments, sending, webhook
from gateway.channels.parcel import SendError
from gateway.channels.trust import trusted
from loadtests.servers import free_port

SECRET = f"{references.PREFIX}TEST"
NAMED, WORD = f"${{{SECRET}}}", "w0rd & sëcret/+"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv(SECRET, WORD)


@pytest.fixture
def mail():
    with sinks.mail() as sink:
        yield sink


@pytest.fixture
def web():
    with sinks.web() as sink:
        yield sink


def by_mail(port, **more):
    target = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "f@example.org", **more}
    return sending.send("email", {"recipients": ["a@example.org"], **target}, parcel())


def post(url, **more):
    return sending.send("webhook", {"url": url, **more}, parcel())


def test_a_mail_arrives_in_both_languages_and_the_answer_says_who_took_it(mail):
    outcome = by_mail(mail.port, recipients=["a@example.org", "b@example.org"])
    assert outcome.sent, outcome.said
    assert "a@example.org, b@example.org" in outcome.said
    (message,) = mail.mails
    plain = message.get_body(("plain",)).get_content()
    assert "Filter clogging (F-FILTER)" in plain
    assert "过滤器堵塞" in plain
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(("refuses", "hopeless"), [("550 no such person", True), ("451 later", False)])
def test_who_is_refused_by_a_mail_server_is_named_with_the_servers_words(mail, refuses, hopeless):
    mail.refuses = refuses
    outcome = by_mail(mail.port)
    assert (outcome.sent, outcome.hopeless, outcome.unsure) == (False, hopeless, False)
    assert "a@example.org" in outcome.said
    assert refuses.partition(" ")[2] in outcome.said


def test_a_mail_server_that_is_not_there_or_takes_no_tls_is_told_at_once():
    outcome = by_mail(free_port())
    assert (outcome.sent, outcome.unsure) == (False, False)
    assert "refused" in outcome.said


def test_a_mail_server_without_tls_gets_no_password(mail):
    target = {"security": "starttls", "username": "f", "password": NAMED}
    outcome = by_mail(mail.port, **target)
    assert not outcome.sent
    assert "STARTTLS" in outcome.said
    assert mail.mails == []


def test_a_mail_server_that_says_no_goodbye_has_the_mail_all_the_same(mail):
    mail.lingers_s = 30
    began = time.monotonic()
    assert by_mail(mail.port).sent
    assert time.monotonic() - began < 5
    assert len(mail.mails) == 1


def test_a_password_goes_over_tls_alone_to_a_server_that_is_who_it_says(monkeypatch, tmp_path):
    known = sinks.certificate(tmp_path)
    monkeypatch.setenv(SECRET, "w0rd & more")
    with sinks.mail(known, password="w0rd & more") as sink:  # noqa: S106
        target = {"host": "localhost", "security": "starttls", "username": "f", "password": NAMED}
        stranger = by_mail(sink.port, **target)
        assert not stranger.sent
        assert "certificate" in stranger.said.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(known))
        trusted.cache_clear()
        assert by_mail(sink.port, **target).sent
        monkeypatch.setenv(SECRET, "another one")
        wrong = by_mail(sink.port, **target)
        assert (wrong.sent, wrong.hopeless) == (False, True)
        assert "another one" not in wrong.said
        monkeypatch.setenv(SECRET, WORD)
        assert "ASCII" in by_mail(sink.port, **target).said
        assert len(sink.mails) == 1


@pytest.fixture(autouse=True)
def trust():
    """Each test has its own."""
    trusted.cache_clear()
    yield
    trusted.cache_clear()


def test_a_webhook_by_tls_goes_to_the_address_that_was_judged_and_wants_the_certificate_of_the_name(
    monkeypatch, tmp_path
):
    known = sinks.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    with sinks.web(known) as sink:
        assert post(sink.url.replace("127.0.0.1", "localhost")).sent
        assert not post(sink.url).sent


def test_a_webhook_gets_a_signed_cloud_event(web):
    outcome = post(web.url + "/a/b?c=d", secret=NAMED)
    assert outcome.said == "127.0.0.1 took it with status 200."
    ((path, headers, body),) = web.seen
    assert (path, headers["content-type"]) == ("/a/b?c=d", "application/cloudevents+json")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(WORD.encode(), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    event = json.loads(body)
    assert (event["specversion"], event["type"], event["id"]) == ("1.0", "io.hvac.alert.v1", "the-key")
    assert event["subject"] == "ahu_7"
    assert (event["data"]["fault"], event["data"]["level"]) == ("F-FILTER", 3)
    assert "建议措施" in event["data"]["text"]


@pytest.mark.parametrize(
    ("status", "hopeless", "unsure"), [(103, False, True), (404, True, False), (429, False, False), (502, False, True)]
)
def test_a_webhooks_refusal_says_its_status(web, status, hopeless, unsure):
    web.statuses = [status]
    outcome = post(web.url)
    assert (outcome.sent, outcome.hopeless, outcome.unsure) == (False, hopeless, unsure)
    assert str(status) in outcome.said


def test_no_redirect_is_followed(web):
    with sinks.web() as other:
        web.statuses, web.location = [307], other.url
        outcome = post(web.url)
        assert (outcome.sent, outcome.hopeless) == (False, True)
        assert other.seen == []


def test_what_is_said_before_all_was_heard_counts():
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as other:

        def refuse():
            line, _ = listener.accept()
            with line:
                line.recv(100)
                line.sendall(refusal)
                line.shutdown(socket.SHUT_RDWR)

        refused = other.submit(refuse)
        with pytest.raises(SendError, match="413") as wrong:
            posting.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", b"x" * 10_000_000, {}, cloud=False)
        refused.result()
    assert wrong.value.hopeless


def test_an_sms_goes_to_each_number_through_a_gateway_of_ones_own(web):
    target = {"url": web.url, "token": NAMED, "recipients": ["+4930123456", "+8610123456"]}
    outcome = sending.send("sms", target, parcel(ZH))
    assert outcome.sent, outcome.said
    assert [event["to"] for event in web.events] == target["recipients"]
    assert all(segments.counted(event["text"]) <= 2 for event in web.events)
    assert web.seen[0][1]["authorization"].encode("latin-1").decode() == f"Bearer {WORD}"


def test_a_token_with_a_line_too_many_is_not_sent(web, monkeypatch):
    monkeypatch.setenv(SECRET, "one\r\nX-Other: two")
    outcome = sending.send("sms", {"url": web.url, "token": NAMED, "recipients": ["+86123"]}, parcel())
    assert (outcome.sent, outcome.hopeless, web.seen) == (False, True, [])
    assert "one line" in outcome.said


def test_an_sms_goes_through_a_provider_that_apprise_knows(web, monkeypatch):
    monkeypatch.setenv(SECRET, "t0ken123")
    url = f"smseagle://{NAMED}@{web.url.removeprefix('http://')}/+4930123456"
    web.statuses = [200]
    outcome = sending.send("sms", {"provider": url}, parcel(EN))
    (event,) = web.events
    assert event["params"]["to"] == "+4930123456"
    assert "F-FILTER" in event["params"]["message"]
    assert "t0ken123" not in outcome.said


def test_a_providers_refusal_shows_no_token_in_answer_or_log(web, monkeypatch, caplog, capfd):
    monkeypatch.setenv(SECRET, "t0ken123")
    caplog.set_level(logging.DEBUG)
    web.statuses = [401]
    url = f"smseagle://{NAMED}@{web.url.removeprefix('http://')}/+4930123456"
    outcome = sending.send("sms", {"provider": url}, parcel(EN))
    assert not outcome.sent
    assert "401" in outcome.said
    assert "t0ken123" not in outcome.said + caplog.text + "".join(capfd.readouterr())


def test_only_providers_of_sms_are_taken(monkeypatch):
    for scheme in ("json", "syslog", "mailto", "file"):
        monkeypatch.setenv(SECRET, f"{scheme}://127.0.0.1/x")
        outcome = sending.send("sms", {"provider": NAMED}, parcel())
        assert (outcome.sent, outcome.hopeless) == (False, True)
        assert "twilio" in outcome.said


def test_a_broker_keeps_what_a_light_is_to_show():
    with sinks.mqtt() as port:
        target = {"host": "127.0.0.1", "port": port, "topic": "roof/light"}
        for lit, state in ((4, "flashing"), (2, "on"), (0, "off")):
            outcome = sending.send("light_mqtt", target, parcel(lit=lit))
            assert outcome.sent, outcome.said
            kept = json.loads(sinks.kept_by(port, "roof/light"))
            assert (kept["state"], kept["level"]) == (state, lit)
        assert sending.send("light_mqtt", {**target, "message": "word"}, parcel(lit=1)).sent
        assert sinks.kept_by(port, "roof/light") == "on"
    outcome = sending.send("light_mqtt", target, parcel(lit=1))
    assert not outcome.sent
    assert f"127.0.0.1:{port}" in outcome.said


def test_a_light_on_modbus_is_switched_by_coils_or_by_a_register():
    with sinks.modbus() as port:
        at = {"host": "127.0.0.1", "port": port}
        for lit, shown in ((4, [True, True]), (2, [True, False]), (0, [False, False])):
            outcome = sending.send("light_modbus", {**at, "address": 0, "flashing_address": 1}, parcel(lit=lit))
            assert outcome.sent, outcome.said
            assert sinks.coils(port, 2) == shown
        for lit, value in ((3, 7), (1, 1), (0, 0)):
            register = {**at, "write": "register", "address": 4, "flashing": 7}
            assert sending.send("light_modbus", register, parcel(lit=lit)).sent
            assert sinks.register(port, 4) == value
        wrong = sending.send("light_modbus", {**at, "write": "register", "address": 99}, parcel())
        assert (wrong.sent, wrong.hopeless) == (False, True)
        assert "manual" in wrong.said
    outcome = sending.send("light_modbus", {**at, "address": 0}, parcel())
    assert not outcome.sent
    assert "cannot be reached" in outcome.said


def test_a_secret_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv(SECRET)
    outcome = post("http://127.0.0.1:1/", secret=NAMED)
    assert (outcome.sent, outcome.hopeless) == (False, True)
    assert f"{SECRET} is not set" in outcome.said


def test_a_secret_may_lie_in_a_file(web, monkeypatch, tmp_path):
    monkeypatch.delenv(SECRET)
    (tmp_path / "word").write_text(WORD + "\n")
    monkeypatch.setenv(f"{SECRET}_FILE", str(tmp_path / "word"))
    assert post(web.url, secret=NAMED).sent
    assert "webhook-signature" in web.seen[0][1]


def test_no_form_of_a_secret_is_shown():
    for form in (WORD, "w0rd%20%26%20s%C3%ABcret/%2B", "w0rd+%26+s%C3%ABcret%2F%2B"):
        assert references.hidden(f"<{form}>") == f"<{references.HIDDEN}>"


def test_a_channel_that_breaks_or_never_ends_is_a_failure_like_others(monkeypatch):
    monkeypatch.setattr(sending, "MOST_S", 0.2)
    monkeypatch.setattr(webhook, "send", lambda *_: 1 / 0)
    assert "ZeroDivisionError" in post("http://127.0.0.1:1/").said
    with sinks.web() as slow:
        slow.hangs_s = 0.6
        monkeypatch.undo()
        monkeypatch.setattr(sending, "MOST_S", 0.2)
        outcome = post(slow.url)
        assert (outcome.sent, outcome.unsure) == (False, True)
        assert replace(outcome, said="") == sending.Outcome(False, "", unsure=True)
