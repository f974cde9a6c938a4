"""What a channel has taken is known to whoever comes after a sender that was killed."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import NOW, SETTINGS, attempts, channel, keep, notice, parcel, put, statuses

from gateway import store
from gateway.channels import claims, outbox, receipts, sending

LEASE = timedelta(seconds=claims.LEASE_S)
DAY = timedelta(days=1)


def note(*of_it):
    with receipts.noting(*of_it) as taken:
        taken()


@pytest.fixture
def settings(tmp_path):
    """With a folder of its own."""
    return SETTINGS.model_copy(update={"data": tmp_path})


@pytest.fixture
def killed(tmp_path, settings):
    """A database, a webhook, and a notice that it took from a sender who was killed before he could write it down."""
    engine, told = store.connect(f"sqlite:///{tmp_path / 'x.db'}"), notice()
    store.migrate(engine)
    with ExitStack() as stack:
        sink = stack.enter_context(sinks.web())
        keep(engine, channel("desk", target={"url": sink.url}))
        put(engine, told)
        errand = claims.claim(engine, settings, (told.id, "main"), NOW)
        assert claims.carried_out(errand).sent
        yield engine, sink, told, errand
    engine.dispose()


def test_what_was_taken_from_a_sender_who_was_killed_is_not_sent_again(killed, settings):
    engine, sink, told, errand = killed
    note(settings.data, errand.parcel.key, errand.attempt, NOW)
    assert outbox.deliver(engine, settings, NOW + LEASE / 2) == NOW + LEASE
    assert outbox.deliver(engine, settings, NOW + LEASE) is None
    assert len(sink.events) == 1
    assert statuses(engine, told) == {"main": "delivered"}
    assert [(one.result, one.reason) for one in attempts(engine, told)] == [("sent", claims.TAKEN)]


def test_a_receipt_is_of_one_attempt_and_of_one_chain(killed, settings):
    engine, sink, told, errand = killed
    note(settings.data, errand.parcel.key, errand.attempt + 1, NOW)
    note(settings.data, str(told.id), errand.attempt, NOW)
    assert outbox.deliver(engine, settings, NOW + LEASE) is None
    assert [event["again"] for event in sink.events] == [False, True]


def test_what_is_sent_leaves_a_receipt_before_the_database_knows(settings, killed, monkeypatch):
    engine, sink, _, _ = killed
    second, noted = notice(), []
    put(engine, second)

    def finish(_, errand, *rest):
        noted.append(receipts.noted(settings.data, errand.parcel.key, errand.attempt))

    monkeypatch.setattr(claims, "finish", finish)
    outbox._go_on(engine, settings, (second.id, "main"), lambda: NOW)
    assert noted == [True]
    assert len(sink.events) == 2


def test_receipts_are_kept_for_days_and_forgotten(tmp_path):
    for back in range(5):
        note(tmp_path, "key", back, NOW - back * DAY)
    receipts.tidy(tmp_path, NOW)
    assert [receipts.noted(tmp_path, "key", back) for back in range(5)] == [True, True, True, False, False]


def test_a_folder_that_takes_nothing_stops_no_sender(tmp_path, caplog):
    (tmp_path / receipts.FOLDER).touch()
    note(tmp_path, "key", 1, NOW)
    assert "could not be noted" in caplog.text
    assert not receipts.noted(tmp_path, "key", 1)


def test_a_sending_that_was_left_behind_breaks_nothing_when_it_ends(tmp_path, caplog):
    with receipts.noting(tmp_path, "key", 1, NOW) as taken:
        pass
    taken()
    assert "could not be noted" in caplog.text


@pytest.fixture
def sunk():
    """A mail server and a webhook."""
    with sinks.mail() as mail, sinks.web() as web:
        yield mail, web


@pytest.mark.parametrize("kind", ["email", "webhook", "sms"])
def test_whoever_takes_a_notice_is_noted_at_that_moment_and_who_does_not_is_not(kind, sunk):
    mail, web = sunk
    targets = {
        "email": {
            "host": "127.0.0.1",
            "port": mail.port,
            "security": "none",
            "sender": "f@x.org",
            "recipients": ["a@x.org"],
        },
        "webhook": {"url": web.url},
        "sms": {"url": web.url, "recipients": ["+4930123456", "+8610123456"]},
    }
    moments = []
    noting = replace(parcel(), taken=lambda: moments.append(len(mail.mails) + len(web.seen)))
    assert sending.send(kind, targets[kind], noting).sent
    assert moments == [2 if kind == "sms" else 1]
    mail.refuses, web.statuses = "550 no such person", [500]
    assert not sending.send(kind, targets[kind], noting).sent
    assert len(moments) == 1


def test_a_light_is_never_noted_since_it_may_have_to_show_something_else():
    moments = []
    with sinks.modbus() as port:
        target = {"host": "127.0.0.1", "port": port, "address": 0}
        assert sending.send("light_modbus", target, replace(parcel(lit=3), taken=lambda: moments.append(1))).sent
    assert moments == []
