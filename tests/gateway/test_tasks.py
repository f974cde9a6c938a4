"""Long work: claimed by one, fenced when its lease has gone, tried again, and ended once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway import store, tasks
from gateway.tables import Task


@pytest.fixture
def task(database):
    return tasks.submit(database, "ada", "forecast", {"year": 2014, "month": 6}, "forecasts")


def at_once(database, task):
    """Whatever it waits for is over."""
    with store.transaction(database) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(Task).where(Task.id == task.id).values(due_at=past))


def told(database, task):
    return [(step.status, step.attempt, step.reason) for step in tasks.steps(database, task.id)]


def now(database, task):
    with store.transaction(database) as session:
        return session.scalar(select(Task).where(Task.id == task.id))


def test_a_task_is_claimed_by_one_of_two(database, task):
    assert [number for number, _ in tasks.due(database, "forecasts", 10)] == [task.id]
    assert tasks.due(database, "training", 10) == []
    assert tasks.claim(database, task.id).attempt == 1
    assert tasks.claim(database, task.id) is None
    assert tasks.due(database, "forecasts", 10) == []


def test_of_many_who_claim_at_once_one_gets_each_task(database):
    waiting = [tasks.submit(database, "ada", "forecast", {}, "forecasts").id for _ in range(5)]
    with ThreadPoolExecutor(8) as many:
        leases = list(many.map(lambda number: tasks.claim(database, number), waiting * 8))
    got = [lease for lease in leases if lease is not None]
    assert sorted(lease.task for lease in got) == sorted(waiting)
    assert {lease.attempt for lease in got} == {1}


def test_a_lease_that_ended_goes_to_another_and_the_first_can_change_nothing(database, task):
    first = tasks.claim(database, task.id)
    at_once(database, task)
    second = tasks.claim(database, task.id)
    assert (second.attempt, now(database, task).losses) == (2, 1)
    for late in (
        lambda: tasks.beat(database, first, 50, "fitting", 3.0),
        lambda: tasks.complete(database, first, {}, lambda session: None),
        lambda: tasks.fail(database, first, "x", "x"),
        lambda: tasks.retry(database, first, "x", "x"),
    ):
        with pytest.raises(tasks.LostError):
            late()
    tasks.complete(database, second, {"n": 1}, lambda session: None)
    assert told(database, task) == [
        ("PENDING", 0, None),
        ("RUNNING", 1, None),
        ("RUNNING", 2, None),
        ("COMPLETED", 2, None),
    ]
    assert (now(database, task).result, now(database, task).progress) == ({"n": 1}, 100)


def test_what_cannot_be_kept_leaves_the_task_running(database, task):
    lease = tasks.claim(database, task.id)

    def breaks(session):
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError):
        tasks.complete(database, lease, {}, breaks)
    assert (now(database, task).status, now(database, task).result) == ("RUNNING", None)


def test_three_retries_back_off_and_the_fourth_failure_is_the_end(database, task):
    waits = []
    for _ in range(4):
        at_once(database, task)
        waits.append(tasks.retry(database, tasks.claim(database, task.id), "unreachable", "Try later."))
    assert [1 <= waits[0] <= 2, 2 <= waits[1] <= 4, 4 <= waits[2] <= 8, waits[3]] == [True, True, True, None]
    assert now(database, task).status == "FAILED"
    assert now(database, task).error == {"code": "unreachable", "detail": "Try later."}


def test_a_task_that_ends_its_workers_is_given_up(database, task):
    for _ in range(tasks.MOST_LOSSES + 1):
        at_once(database, task)
        assert tasks.claim(database, task.id)
    at_once(database, task)
    assert tasks.claim(database, task.id) is None
    assert (now(database, task).status, now(database, task).error["code"]) == ("FAILED", "lost")


def test_a_cancelled_task_is_heard_of_at_the_next_beat(database, task):
    lease = tasks.claim(database, task.id)
    tasks.beat(database, lease, 10, "fitting", 20.0)
    assert not tasks.cancel(database, "bob", task.id)
    assert tasks.cancel(database, "ada", task.id)
    with pytest.raises(tasks.LostError):
        tasks.beat(database, lease, 20, "fitting", 10.0)
    assert not tasks.cancel(database, "ada", task.id)
    assert told(database, task)[-1] == ("FAILED", 1, "cancelled")


def test_what_is_given_back_or_passed_on_waits_for_nothing_and_counts_as_no_try(database, task):
    tasks.give_back(database, tasks.claim(database, task.id))
    tasks.pass_on(database, tasks.claim(database, task.id), "training")
    assert [number for number, _ in tasks.due(database, "training", 10)] == [task.id]
    assert tasks.due(database, "forecasts", 10) == []
    assert (now(database, task).retries, now(database, task).losses) == (0, 0)
    assert told(database, task)[2:] == [
        ("PENDING", 1, "stopped"),
        ("RUNNING", 2, None),
        ("PENDING", 2, "passed on to training"),
    ]


def test_a_new_try_begins_at_nothing(database, task):
    lease = tasks.claim(database, task.id)
    tasks.beat(database, lease, 60, "fitting", 20.0)
    tasks.give_back(database, lease)
    row = now(database, task)
    assert (row.progress, row.stage, row.left_s) == (0, None, None)


def test_a_lease_lasts_as_long_as_it_is_claimed_for_from_each_beat(database, task):
    lease = tasks.claim(database, task.id, 600)
    first = now(database, task).due_at
    assert timedelta(seconds=590) < first - datetime.now(UTC) <= timedelta(seconds=600)
    at_once(database, task)
    tasks.beat(database, lease)
    assert now(database, task).due_at >= first


def test_the_census_counts_by_status_and_knows_the_oldest_unfinished(database, task):
    later = tasks.submit(database, "bob", "forecast", {}, "training")
    with store.transaction(database) as session:
        before = datetime.now(UTC) - timedelta(hours=1)
        session.execute(update(Task).where(Task.id == task.id).values(created_at=before))
    counts, age_s = tasks.census(database)
    assert counts == {"PENDING": 2}
    assert 3600 <= age_s < 3700
    tasks.cancel(database, "ada", task.id)
    tasks.cancel(database, "bob", later.id)
    assert tasks.census(database) == ({"FAILED": 2}, 0.0)


def test_a_task_is_its_owners(database, task):
    assert tasks.find(database, "bob", task.id) is None
    assert tasks.find(database, "ada", task.id).asked == {"year": 2014, "month": 6}
