"""What is put is told: once, over the first channel that works, however many fail, are slow, or end in between."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
from notices import ALERT, NOW, SETTINGS, attempts, channel, keep, notice, play, put, statuses, to

from gateway import store
from gateway.channels import chain, claims, outbox
from gateway.channels.tables import Channel, Delivery, StoredNotice

SECOND = timedelta(seconds=1)


def test_on_every_database_what_is_put_is_sent_once_and_every_attempt_is_kept(database, new_web):
    sink, told = new_web(), notice(alert=ALERT)
    keep(database, to("desk", sink))
    put(database, told, told)
    assert outbox.next_due(database) == NOW
    assert outbox.deliver(database, SETTINGS, NOW) is None
    assert outbox.deliver(database, SETTINGS, NOW + timedelta(days=1)) is None
    (event,) = sink.events
    assert event["data"]["id"] == str(told.id)
    (attempt,) = attempts(database, told)
    assert (attempt.channel, attempt.result, attempt.again) == ("desk", "sent", False)
    assert statuses(database, told) == {"main": "delivered"}


def test_what_is_put_in_a_transaction_that_fails_is_told_to_nobody(here, new_web):
    keep(here, to("desk", sink := new_web()))
    with suppress(RuntimeError), store.transaction(here) as session:
        outbox.put(session, notice(), NOW)
        raise RuntimeError
    assert outbox.deliver(here, SETTINGS, NOW) is None
    assert sink.seen == []


def test_where_one_channel_is_dead_another_has_told_within_fifteen_seconds(here, new_web, free_address):
    alive, told = new_web(), notice()
    keep(here, to("dead", free_address), to("alive", alive, place=1))
    put(here, told)
    assert play(here) - NOW < 15 * SECOND
    assert [(one.channel, one.result) for one in attempts(here, told)] == [
        ("dead", "failed"),
        ("dead", "failed"),
        ("alive", "sent"),
    ]
    assert attempts(here, told)[-1].ended_at - NOW < 15 * SECOND
    put(here, next_one := notice())
    assert outbox.deliver(here, SETTINGS, NOW + 10 * SECOND) is None  # the dead one rests and costs no time
    assert [one.channel for one in attempts(here, next_one)] == ["alive"]


def test_a_channel_that_takes_the_call_and_never_answers_is_left_in_time_too(here, new_web):
    slow, alive, told = new_web(), new_web(), notice()
    slow.hangs_s = 30
    keep(here, to("slow", slow), to("alive", alive, place=1))
    put(here, told)
    assert outbox.deliver(here, SETTINGS, NOW) is None
    first, last = attempts(here, told)
    assert (first.result, last.channel, last.result) == ("failed", "alive", "sent")
    assert last.ended_at - NOW < 15 * SECOND
    assert last.again  # it may have reached the slow one's reader
    assert alive.events[0]["again"] is True


def test_what_is_due_leaves_one_after_the_other_where_channels_are_quick(here, new_web):
    sink = new_web()
    sink.hangs_s = 0.1
    keep(here, to("desk", sink))
    put(here, *(notice() for _ in range(4)))
    began = time.monotonic()
    outbox.deliver(here, SETTINGS, NOW)
    assert len(sink.seen) == 4
    assert time.monotonic() - began > 4 * sink.hangs_s


def test_past_a_slow_channel_the_others_go_on(here, new_web):
    slow, quick = new_web(), new_web()
    slow.hangs_s = 3
    keep(here, to("slow", slow, chain="a"), to("quick", quick, chain="b"))
    put(here, *(notice() for _ in range(4)))
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(outbox.deliver, here, SETTINGS, NOW)
        end = time.monotonic() + 2.5
        while len(quick.seen) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(quick.seen) == 4
        assert not going.done()


def test_where_all_are_dead_nothing_is_lost_and_the_first_that_works_again_tells_it(here, new_web, free_address):
    some = [notice() for _ in range(2)]
    mail = to("mail", free_address)
    keep(here, mail, to("sms", free_address, place=1))
    put(here, *some)
    now = play(here, until=timedelta(minutes=20))
    assert {status for told in some for status in statuses(here, told).values()} == {"waiting"}
    assert all(20 < len(attempts(here, told)) < 40 for told in some)
    alive = new_web()
    with store.transaction(here) as session:
        session.get(Channel, mail.id).target = {"url": alive.url}
    play(here, now, until=timedelta(minutes=20))
    assert {status for told in some for status in statuses(here, told).values()} == {"delivered"}
    assert sorted(event["data"]["id"] for event in alive.events) == sorted(str(told.id) for told in some)


def test_who_works_again_has_all_at_once_that_waited_for_his_chain(here, new_web):
    sink, some = new_web(), [notice() for _ in range(2)]
    sink.statuses = [503] * 40
    keep(here, to("desk", sink))
    put(here, *some)
    play(here, until=timedelta(minutes=1))
    sink.statuses = [200]
    assert outbox.deliver(here, SETTINGS, outbox.next_due(here)) is None
    assert {status for told in some for status in statuses(here, told).values()} == {"delivered"}


def test_whoever_ends_in_the_middle_of_a_sending_is_followed_by_one_that_is_marked(here, new_web):
    sink, told = new_web(), notice()
    keep(here, to("desk", sink))
    put(here, told)
    errand = claims.claim(here, SETTINGS, (told.id, "main"), NOW)
    assert claims.carried_out(errand).sent  # and then the process was killed
    lease = timedelta(seconds=claims.LEASE_S)
    assert outbox.deliver(here, SETTINGS, NOW + lease / 2) == NOW + lease
    assert len(sink.seen) == 1
    assert outbox.deliver(here, SETTINGS, NOW + lease) is None
    first, second = sink.events
    assert (first["id"], first["again"], second["again"]) == (second["id"], False, True)
    assert [(one.result, one.again) for one in attempts(here, told)] == [("unknown", False), ("sent", True)]


def test_a_word_that_comes_after_its_lease_has_gone_changes_no_delivery(here, new_web):
    told = notice()
    keep(here, to("desk", new_web()))
    put(here, told)
    first = claims.claim(here, SETTINGS, (told.id, "main"), NOW)
    later = NOW + timedelta(seconds=claims.LEASE_S)
    second = claims.claim(here, SETTINGS, (told.id, "main"), later)
    claims.finish(here, first, claims.carried_out(first), 1, later)
    assert statuses(here, told) == {"main": "sending"}
    claims.finish(here, second, claims.carried_out(second), 1, later)
    assert statuses(here, told) == {"main": "delivered"}


def test_of_many_who_deliver_at_the_same_time_one_sends(database, new_web):
    sink, some = new_web(), [notice() for _ in range(20)]
    keep(database, to("desk", sink))
    put(database, *some)
    together = threading.Barrier(3)

    def deliver(_):
        together.wait()
        outbox.deliver(database, SETTINGS, NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(deliver, range(3)))
    assert sorted(event["data"]["id"] for event in sink.events) == sorted(str(told.id) for told in some)


def test_what_nobody_could_be_told_for_a_week_is_told_no_more(here, new_web, free_address):
    put_in, told = to("desk", free_address), notice()
    keep(here, put_in)
    put(here, told)
    for day in range(6, 9):
        outbox.deliver(here, SETTINGS, NOW + timedelta(days=day))
        assert statuses(here, told) == {"main": "waiting" if day < 7 else "expired"}


def test_a_channel_sends_no_more_in_a_day_than_it_may_and_the_next_one_does(here, new_web):
    dear, cheap, some = new_web(), new_web(), [notice() for _ in range(5)]
    keep(here, to("dear", dear, most_a_day=2), to("cheap", cheap, place=1))
    for told in some:
        put(here, told)
        play(here)
    assert (len(dear.seen), len(cheap.seen)) == (2, 3)
    refused = attempts(here, some[2])[0]
    assert (refused.channel, refused.result) == ("dear", "failed")
    assert "may send 2" in refused.reason
    put(here, told := notice(), now=NOW + timedelta(hours=25))
    play(here, NOW + timedelta(hours=25))
    assert attempts(here, told)[0].channel == "dear"


def test_a_refusal_for_good_is_not_repeated_before_the_next_one_is_asked(here, new_web):
    gone, alive, told = new_web(), new_web(), notice()
    gone.statuses = [410]
    keep(here, to("gone", gone), to("alive", alive, place=1))
    put(here, told)
    assert outbox.deliver(here, SETTINGS, NOW) is None
    assert [one.channel for one in attempts(here, told)] == ["gone", "alive"]


def test_after_a_year_what_was_told_is_forgotten_and_what_waits_is_not(here, new_web, free_address):
    keep(here, to("desk", new_web()), to("dead", free_address, chain="dead", from_level=4))
    put(here, notice(), waiting := notice(level=4))
    outbox.deliver(here, SETTINGS, NOW)
    assert outbox.tidy(here, NOW + timedelta(days=366)) == 0
    assert outbox.tidy(here, NOW + timedelta(days=367)) == 1
    with store.transaction(here) as session:
        assert session.scalars(select(StoredNotice.id)).all() == [waiting.id]


def test_a_chain_without_a_channel_waits_for_one(here, new_web):
    lonely, told = to("lonely", new_web()), notice()
    keep(here, lonely)
    put(here, told)
    with store.transaction(here) as session:
        session.get(Channel, lonely.id).enabled = False
    due = outbox.deliver(here, SETTINGS, NOW)
    assert NOW + 5 * SECOND < due < NOW + timedelta(seconds=claims.NOBODY_S + 5)
    assert statuses(here, told) == {"main": "waiting"}
    with store.transaction(here) as session:
        session.get(Channel, lonely.id).enabled = True
    play(here, due)
    assert statuses(here, told) == {"main": "delivered"}


def test_a_row_that_nobody_can_read_keeps_nobody_else_from_being_told(here, new_web):
    broken, told = notice(), notice()
    keep(here, to("desk", sink := new_web(), timezone="Atlantis/Capital"))
    put(here, broken, told)
    with store.transaction(here) as session:
        session.get(StoredNotice, broken.id).content = {"level": "of a later version"}
    due = outbox.deliver(here, SETTINGS, NOW)
    assert due > NOW + 60 * SECOND
    assert [event["data"]["id"] for event in sink.events] == [str(told.id)]
    assert statuses(here, broken) == {"main": "waiting"}


def test_the_waits_of_a_chain_that_is_dead_grow_and_stay_within_an_hour():
    dead = channel("dead")
    delivery = Delivery(channel_id=dead.id, tries=1, rounds=0, spent=[])
    waits = []
    for _ in range(14):
        turn = chain.after_failure(delivery, [dead.id], claims.Outcome(False, "x"), 0.1, NOW)
        waits.append((turn.due_at - NOW).total_seconds())
        delivery.rounds = turn.rounds
        assert (turn.spent, turn.tries) == ([], 0)
    assert 2.5 <= waits[0] <= 5
    assert all(wait <= chain.LONGEST_S for wait in waits)
    assert waits[-1] >= chain.LONGEST_S / 2
