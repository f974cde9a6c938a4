"""A notice is told to those whom its level, step and alert concern, and a light shines for the worst."""

import sys
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import ALERT, NOW, SETTINGS, channel, keep, notice, play, put, statuses, to

from gateway import store
from gateway.channels import claims, outbox
from gateway.channels.tables import Lamp, StoredNotice


def test_a_notice_goes_to_the_channels_of_its_level_and_step_once_for_each_chain(here, new_web):
    desk, boss, lamp = new_web(), new_web(), new_web()
    keep(
        here,
        to("desk", desk),
        to("urgent", desk, place=1),
        to("boss", boss, from_level=3, from_step=2, chain="boss"),
        to("off", lamp, chain="lamp", enabled=False),
    )
    put(here, notice(level=1), notice(level=2, step=2), notice(level=3, step=2))
    play(here)
    assert [len(sink.seen) for sink in (desk, boss, lamp)] == [3, 1, 0]


def test_who_was_told_that_it_began_is_told_that_it_is_over(here, new_web):
    desk, boss = new_web(), new_web()
    keep(here, to("desk", desk), to("boss", boss, from_level=4, from_step=1, chain="boss"))
    put(here, notice(alert=ALERT, level=2), notice("escalated", alert=ALERT, level=4, step=1))
    put(here, notice("cleared", alert=ALERT, level=1), notice("cleared", alert=uuid4(), level=1))
    play(here)
    assert sorted(event["data"]["kind"] for event in boss.events) == ["cleared", "escalated"]
    assert sorted(event["data"]["kind"] for event in desk.events) == ["cleared", "cleared", "escalated", "raised"]


def test_a_step_of_the_ladder_names_who_is_told_and_a_name_that_nobody_has_leaves_nobody_out(here, new_web):
    desk, boss = new_web(), new_web()
    keep(here, to("desk", desk), to("boss", boss, chain="bosses"))
    put(here, notice(alert=ALERT, details={"channels": ["desk"]}))
    put(here, notice("escalated", alert=ALERT, step=1, details={"channels": ["bosses"]}))
    put(here, notice("cleared", alert=ALERT, details={"channels": ["desk"]}))
    put(here, notice(details={"channels": ["gone"]}))
    play(here)
    assert sorted(event["data"]["kind"] for event in desk.events) == ["cleared", "raised", "raised"]
    assert sorted(event["data"]["kind"] for event in boss.events) == ["cleared", "escalated", "raised"]


def test_of_a_cleared_alert_those_alone_are_told_who_had_heard_of_it(here, new_web, free_address):
    desk, other = new_web(), new_web()
    keep(here, to("desk", desk))
    put(here, notice(alert=ALERT))
    keep(here, to("other", other, chain="later"))
    put(here, notice("cleared", alert=ALERT))
    play(here)
    assert (len(desk.seen), len(other.seen)) == (2, 0)


def test_without_a_channel_a_notice_is_kept_and_later_channels_are_not_flooded_with_it(here, new_web):
    put(here, told := notice())
    keep(here, to("late", sink := new_web()))
    assert outbox.deliver(here, SETTINGS, NOW) is None
    assert sink.seen == []
    with store.transaction(here) as session:
        assert session.scalars(select(StoredNotice.id)).all() == [told.id]


def test_a_light_shines_for_the_worst_that_is_not_over_and_quiet_notices_reach_nobody_else(here, new_web):
    keep(here, to("desk", sink := new_web()))
    one, other = uuid4(), uuid4()
    put(here, notice(alert=one, level=4), notice(alert=other, level=2))
    with store.transaction(here) as session:
        assert claims.lit(session) == 4
    put(here, notice("cleared", alert=one, details={"quiet": True}), notice("test"))
    with store.transaction(here) as session:
        assert claims.lit(session) == 2
    put(here, notice("flood", unit_id="*", level=3))
    with store.transaction(here) as session:
        assert claims.lit(session) == 3
    put(here, notice("cleared", unit_id="*", details={"quiet": True}))
    put(here, notice("silence", fault=None, level=3), notice("cleared", fault=None))
    put(here, notice("cleared", alert=other))
    with store.transaction(here) as session:
        assert session.scalars(select(Lamp)).all() == []
    play(here)
    assert "cleared" in {event["data"]["kind"] for event in sink.events}
    assert len(sink.seen) == 7


def test_a_light_that_was_switched_while_its_alert_was_over_is_switched_again(here):
    with sinks.modbus() as port:
        target = {"host": "127.0.0.1", "port": port, "address": 0}
        keep(here, channel("light", "light_modbus", target=target))
        put(here, told := notice(alert=ALERT))
        errand = claims.claim(here, SETTINGS, (told.id, "main"), NOW)
        put(here, notice("cleared", alert=ALERT))
        outcome = claims.carried_out(errand)
        assert sinks.coils(port, 1) == [True]
        claims.finish(here, errand, outcome, 0.1, NOW)
        assert statuses(here, told) == {"main": "waiting"}
        assert outbox.deliver(here, SETTINGS, NOW) is None
        assert sinks.coils(port, 1) == [False]
