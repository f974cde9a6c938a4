"""One try at a task: how the work is heard of, how it learns that it is to end, and what its ends leave behind."""

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chores import KINDS, connected, kept, order, over, seen, told, wait_until

from gateway import dialects, runs, tasks
from gateway.runs import Run
from gateway.settings import Settings


@pytest.fixture
def database(tmp_path):
    engine = connected(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def claimed(database):
    """Claims a task and gives the run of it."""
    return lambda task, lease_s=20.0: Run(tasks.claim(database, task.id, lease_s), database, Settings())


def does(work):
    return {"chore": work}


def test_a_result_and_what_is_kept_come_together_and_once(database, claimed):
    task = order(database)
    runs.carry_out(claimed(task), KINDS)
    assert (seen(database, task).status, seen(database, task).result) == ("COMPLETED", {"attempt": 1})
    assert kept(database, task) == 1


def test_what_cannot_be_done_fails_with_its_own_words(database, claimed):
    task = order(database, refuse="14 days are the least. Import more.")
    runs.carry_out(claimed(task), KINDS)
    assert seen(database, task).error == {"code": "too-short", "detail": "14 days are the least. Import more."}
    assert told(database, task)[-1] == ("FAILED", 1, "too-short")


def test_what_may_pass_is_tried_again_later(database, claimed):
    task = order(database, transient=1)
    runs.carry_out(claimed(task), KINDS)
    assert told(database, task)[-1] == ("PENDING", 1, "unavailable")
    assert tasks.claim(database, task.id) is None, "it has to wait"
    over(database, task)
    runs.carry_out(claimed(task), KINDS)
    assert (seen(database, task).status, seen(database, task).retries) == ("COMPLETED", 1)


def test_a_crash_fails_the_task_and_stands_in_the_log_but_not_in_the_answer(database, claimed, caplog):
    task = order(database, crash="the password in /srv/secret.py")
    runs.carry_out(claimed(task), KINDS)
    error = seen(database, task).error
    assert error["code"] == "internal"
    assert "secret" not in error["detail"]
    (line,) = [line for line in caplog.records if line.message == "the work broke"]
    assert (line.task, line.attempt, line.exc_info[0]) == (str(task.id), 1, KeyError)


def test_a_result_that_cannot_be_kept_fails_the_task(database, claimed):
    task = order(database)

    def breaks(session):
        raise ValueError("no room")

    runs.carry_out(claimed(task), does(lambda run: ({}, breaks)))
    assert (seen(database, task).error["code"], kept(database, task)) == ("internal", 0)


def test_a_kind_that_nobody_knows_says_what_to_do(database, claimed):
    task = order(database)
    runs.carry_out(claimed(task), {})
    assert seen(database, task).error["code"] == "kind-unknown"
    assert "same version" in seen(database, task).error["detail"]


def test_what_is_reported_is_seen_while_the_work_goes_on(database, claimed):
    task = order(database)

    def work(run):
        run.report(150, "x" * 100, -3.0)
        wait_until(lambda: seen(database, task).progress == 99)
        row = seen(database, task)
        assert (row.stage, row.left_s) == ("x" * 64, 0.0)
        run.report(40, "fitting", 12.5)
        wait_until(lambda: seen(database, task).progress == 40)
        return {}, lambda session: None

    runs.carry_out(claimed(task), does(work))
    assert (seen(database, task).status, seen(database, task).progress) == ("COMPLETED", 100)


def test_beats_renew_the_lease_and_change_nothing_that_a_caller_sees(database, claimed):
    task = order(database)

    def work(run):
        run.report(10, "fitting", 60.0)
        wait_until(lambda: seen(database, task).progress == 10)
        first = seen(database, task)
        wait_until(lambda: seen(database, task).due_at > first.due_at)
        assert seen(database, task).changed_at == first.changed_at
        return {}, lambda session: None

    runs.carry_out(claimed(task, lease_s=1.0), does(work))
    assert told(database, task)[-1] == ("COMPLETED", 1, None)


def test_cancelled_work_hears_of_it_and_leaves_no_trace(database, claimed):
    task = order(database, seconds=60)
    run = claimed(task, lease_s=1.0)
    thread = threading.Thread(target=runs.carry_out, args=(run, KINDS))
    thread.start()
    wait_until(lambda: seen(database, task).progress == 50)
    assert tasks.cancel(database, "local", task.id)
    thread.join(30)
    assert run.stopped.is_set()
    assert (seen(database, task).error["code"], kept(database, task)) == ("cancelled", 0)
    with pytest.raises(tasks.LostError):
        run.check()


def test_a_task_that_went_to_another_is_left_alone(database, claimed):
    task = order(database)
    first = claimed(task)

    def work(run):
        over(database, task)
        assert tasks.claim(database, task.id).attempt == 2
        return {}, lambda session: pytest.fail("the result of one who has lost the task is kept")

    runs.carry_out(first, does(work))
    assert (seen(database, task).status, seen(database, task).attempt) == ("RUNNING", 2)


def test_who_is_told_to_leave_gives_the_task_back_at_once(database, claimed):
    task = order(database, seconds=60)
    run = claimed(task)
    run.stopped.set()
    runs.carry_out(run, KINDS)
    assert told(database, task)[-1] == ("PENDING", 1, "stopped")
    assert (seen(database, task).retries, seen(database, task).losses) == (0, 0)
    assert tasks.claim(database, task.id).attempt == 2


def test_work_that_ends_in_spite_of_it_is_kept(database, claimed):
    task = order(database, seconds=0.2, deaf=True)
    run = claimed(task)
    run.stopped.set()
    runs.carry_out(run, KINDS)
    assert (seen(database, task).status, kept(database, task)) == ("COMPLETED", 1)


@pytest.fixture
def impatient(tmp_path, monkeypatch):
    """A database that says at once when another holds it, and what holds it as long as one likes."""
    greetings = ("PRAGMA busy_timeout=1", *dialects.GREETINGS["sqlite"][1:])
    monkeypatch.setitem(dialects.GREETINGS, "sqlite", greetings)
    engine = connected(tmp_path)
    with closing(sqlite3.connect(tmp_path / "forewatt.db", isolation_level=None, check_same_thread=False)) as holder:
        yield engine, holder
    engine.dispose()


def test_an_end_is_written_when_the_database_is_back(impatient):
    database, holder = impatient
    task = order(database)
    run = Run(tasks.claim(database, task.id), database, Settings())

    def work(_):
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(1.5, holder.execute, ["ROLLBACK"]).start()
        return {}, lambda session: None

    runs.carry_out(run, does(work))
    assert seen(database, task).status == "COMPLETED"


def test_who_is_not_heard_of_for_a_whole_lease_stops(impatient):
    database, holder = impatient
    task = order(database)
    run = Run(tasks.claim(database, task.id, 1.0), database, Settings())

    def work(run):
        holder.execute("BEGIN IMMEDIATE")
        assert run.stopped.wait(30)
        holder.execute("ROLLBACK")
        return {}, lambda session: None

    runs.carry_out(run, does(work))
    assert run.lost


def test_work_whose_database_goes_away_is_tried_again(impatient):
    database, holder = impatient
    task = order(database)

    def work(run):
        holder.execute("BEGIN EXCLUSIVE")
        try:
            tasks.cancel(database, "nobody", task.id)
        finally:
            holder.execute("ROLLBACK")

    runs.carry_out(Run(tasks.claim(database, task.id), database, Settings()), does(work))
    assert told(database, task)[-1] == ("PENDING", 1, "unavailable")
