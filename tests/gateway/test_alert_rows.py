"""Alerts as rows, on all three databases: told in the transaction of their change, by timers that outlive a restart."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parent))
from alarms import DAY, HOUR, MINUTE, START, finding, healthy

from gateway import store
from gateway.alerts import inbox, states, versions
from gateway.alerts.desk import By
from gateway.alerts.rules import Threshold
from gateway.alerts.tables import AlertNotice, AlertRow, AlertStep
from gateway.alerts.versions import Change
from gateway.channels.tables import StoredNotice
from gateway.equipment.tables import Feed, Unit
from gateway.errors import Problem
from gateway.rights import KEYHOLDER, NOBODY

LI = By(NOBODY, "Li", None)


@pytest.fixture
def sqlite(new_database):
    with new_database("sqlite") as url:
        engine = store.connect(url)
        store.migrate(engine)
        yield engine
        engine.dispose()


def declare(database, *units, **fed_by):
    made = {"kind": "AHU", "created_at": START, "changed_at": START, "changed_by": NOBODY, "changed_by_name": "x"}
    with store.transaction(database) as session:
        session.add_all(Unit(id=unit, name=f"the {unit}", place="roof", **made) for unit in units)
        session.flush()
        session.add_all(Feed(upstream=above, downstream=below) for below, above in fed_by.items())


@store.retried
def say(database, one, now=None):
    with store.transaction(database) as session:
        states.observe(session, replace(one, at=now or one.at), now or one.at)


@store.retried
def tick(database, now):
    with store.transaction(database) as session:
        return states.tick(session, now)


def rows(database, kind=AlertRow, order=None):
    with store.transaction(database) as session:
        return list(session.scalars(select(kind).order_by(order if order is not None else kind.id)))


def told(database):
    notices = rows(database, AlertNotice, AlertNotice.at)
    return [(notice.kind, notice.step, str(notice.at - START)) for notice in notices]


def test_a_ladder_is_climbed_at_its_times_by_another_process_after_a_restart(database):
    declare(database, "AHU-1")
    say(database, finding(level=3))
    assert tick(database, START) == START + 10 * MINUTE
    assert tick(database, START + 10 * MINUTE) == START + 40 * MINUTE
    with store.transaction(database) as session:
        url = session.get_bind().url
    reborn = store.connect(url.render_as_string(hide_password=False))
    try:
        for second in range(9 * 60, 200 * 60, 5):  # a round every five seconds, of a process that knows nothing
            if second % 600 == 0:
                tick(reborn, START + timedelta(seconds=second))
    finally:
        reborn.dispose()
    assert told(database) == [
        ("raised", 0, "0:10:00"), ("escalated", 1, "0:40:00"), ("escalated", 2, "2:10:00"),
    ]  # fmt: skip
    kept = rows(database, StoredNotice, StoredNotice.at)
    assert len(kept) == 3
    first = kept[0].content
    assert (first["unit_name"], first["place"], first["fault"], first["level"]) == ("the AHU-1", "roof", "F-FILTER", 3)
    assert first["action"] == {"en": "Replace the filter.", "zh": "更换过滤器。"}
    assert first["evidence"] == ["FLT-1: dP up"]


def test_people_take_give_shelve_and_close_and_each_step_stays(database):
    declare(database, "AHU-1")
    say(database, finding(level=4))
    (row,) = rows(database)
    inbox.acknowledge(database, row.id, LI, START + MINUTE)
    inbox.assign(database, row.id, "Wang", By(NOBODY, "Li", "assigned to Wang"), START + 2 * MINUTE)
    inbox.shelve(database, row.id, START + DAY, LI, START + HOUR)
    inbox.shelve(database, row.id, START + 2 * HOUR, LI, START + 2 * HOUR)
    inbox.close(database, row.id, "false", By(NOBODY, "Li", "sensor was wet"), START + 3 * HOUR)
    inbox.close(database, row.id, "true", By(NOBODY, "Wang", "true"), START + 4 * HOUR)
    with pytest.raises(Problem, match=r"(?s)closed"):
        inbox.acknowledge(database, row.id, LI, START + 5 * HOUR)
    (row,) = rows(database)
    assert (row.state, row.reason, row.closed_by, row.assignee) == ("closed", "true", "Wang", "Wang")
    steps = rows(database, AlertStep, AlertStep.number)
    assert [(step.became, step.actor) for step in steps] == [
        ("pending", None), ("active", None), ("acknowledged", "Li"), ("acknowledged", "Li"), ("shelved", "Li"),
        ("shelved", "Li"), ("active", None), ("closed", "Li"), ("closed", "Wang"),
    ]  # fmt: skip
    assert [kind for kind, *_ in told(database)] == ["raised", "raised", "cleared"]


def test_many_rounds_at_once_tell_each_step_once(database):
    declare(database, *(f"AHU-{number}" for number in range(4)))
    for number in range(4):
        say(database, finding(f"AHU-{number}", level=3))
    with ThreadPoolExecutor(6) as many:
        list(many.map(lambda minute: tick(database, START + (10 + minute % 2) * MINUTE), range(12)))
    assert [kind for kind, *_ in told(database)] == ["raised"] * 4
    assert len(rows(database, StoredNotice)) == 4


def test_what_is_told_and_what_changed_are_one_transaction(sqlite):
    def break_off():
        with store.transaction(sqlite) as session:
            states.observe(session, finding(level=4), START)
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert (rows(sqlite), rows(sqlite, AlertNotice), rows(sqlite, StoredNotice)) == ([], [], [])


def test_the_alert_upstream_speaks_for_what_it_feeds(database):
    declare(database, "AHU-1", "VAV-1", **{"VAV-1": "AHU-1"})
    say(database, finding("VAV-1", level=3))
    say(database, finding("AHU-1", level=3))
    tick(database, START + 10 * MINUTE)
    by_unit = {row.unit_id: row for row in rows(database)}
    assert by_unit["VAV-1"].parent == by_unit["AHU-1"].id
    assert len(told(database)) == 1


def test_the_version_of_the_threshold_in_force_is_kept_with_the_alert(sqlite):
    declare(sqlite, "AHU-1")
    with store.transaction(sqlite) as session:
        change = Change(KEYHOLDER, START)
        versions.set_threshold(session, (None, None), Threshold(least_level=4), change)
        versions.set_threshold(session, ("AHU-1", "F-FILTER"), Threshold(on=0.5, off=0.3, on_delay_s=(0,) * 4), change)
    say(sqlite, finding("AHU-2", level=3))
    say(sqlite, finding("AHU-1", level=1, chance=0.6))
    (row,) = rows(sqlite)
    assert (row.unit_id, row.state, row.threshold_version, row.policy_version) == ("AHU-1", "active", 2, 0)


def test_a_unit_out_of_service_comes_back_by_itself(database):
    declare(database, "AHU-1")
    say(database, finding(level=4))
    inbox.leave(database, "AHU-1", START + DAY, LI, START + HOUR)
    say(database, finding(level=4), START + 2 * HOUR)
    assert [row.state for row in rows(database)] == ["out_of_service"]
    with store.transaction(database) as session:
        assert inbox.absence(session, "AHU-1", START + 2 * HOUR) is not None
        assert inbox.absence(session, "AHU-1", START + DAY) is None
    tick(database, START + DAY)
    assert [row.state for row in rows(database)] == ["active"]
    inbox.leave(database, "AHU-1", START + 9 * DAY, LI, START + DAY)
    inbox.come_back(database, "AHU-1", LI, START + DAY + MINUTE)
    with pytest.raises(Problem, match="in service"):
        inbox.come_back(database, "AHU-1", LI, START + DAY + MINUTE)
    assert [row.state for row in rows(database)] == ["active"]


def test_silence_of_all_is_one_alert_within_a_minute_and_over_when_they_are_heard(database):
    units = [f"AHU-{number}" for number in range(5)]
    declare(database, *units)
    for second in (0, 30, 60):
        with store.transaction(database) as session:
            for unit in units:
                states.silence(session, unit, START - HOUR, START + timedelta(seconds=second))
        tick(database, START + timedelta(seconds=second))
    assert told(database) == [("silence", 0, "0:00:30")]
    with store.transaction(database) as session:
        for unit in units:
            states.heard(session, unit, START + HOUR)
    assert {row.state for row in rows(database)} == {"cleared"}


def test_three_hundred_alerts_at_once_are_told_by_a_handful(sqlite):
    with store.transaction(sqlite) as session:
        for number in range(300):
            states.observe(session, finding(f"AHU-{number}", level=4), START)
    now = START
    for _ in range(20):
        now += MINUTE
        tick(sqlite, now)
    with store.transaction(sqlite) as session:
        kinds = dict(session.execute(select(AlertNotice.kind, func.count()).group_by(AlertNotice.kind)).all())
    assert kinds["raised"] + kinds.get("escalated", 0) <= 6
    assert kinds["flood"] <= 2


def test_more_than_one_round_can_do_is_done_in_the_next(sqlite):
    with store.transaction(sqlite) as session:
        for number in range(450):
            states.observe(session, finding(f"AHU-{number}", level=3), START)
    rounds = [tick(sqlite, START + 10 * MINUTE) for _ in range(3)]
    assert [moment <= START + 10 * MINUTE for moment in rounds] == [True, True, False]
    assert {row.state for row in rows(sqlite)} == {"active"}


def test_a_healthy_unit_costs_no_rows(sqlite):
    say(sqlite, healthy())
    assert rows(sqlite) == []
