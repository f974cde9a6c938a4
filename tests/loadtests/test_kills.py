"""The drill's judge sees each way in which accepted work can go wrong, and its killer kills those who work."""

import os
import sys
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from gateway import store, tasks
from gateway.tables import Forecast, Task
from loadtests.kills import judge as judging
from loadtests.kills.drill import Book, drill
from loadtests.kills.judge import judge
from loadtests.kills.stage import Stage
from loadtests.servers import Running, Starter, StartError, free_port

READY = """import sys, time; print('{"message": "ready"}', flush=True); time.sleep(float(sys.argv[1]))"""


@pytest.fixture
def database(tmp_path):
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    store.migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def book():
    return Book(since=datetime.now(UTC) - timedelta(hours=1))


def order(database, book):
    task = tasks.submit(database, "ada", "forecast", {}, "forecasts")
    book.accepted.append(task.id)
    return task.id


def forecast(number):
    """A row for each that completes; what is in it does not matter."""
    model = {"model_name": "load", "model_version": "1", "model_type": "Ridge", "weather": "climatology"}
    asked = {"request_hash": "x", "origin": date(2024, 4, 30), "year": 2024, "month": 5, "answer": {}}
    return Forecast(id=uuid4(), created_at=datetime.now(UTC), owner="ada", task_id=number, **model, **asked)


def work(database, number, *answers):
    tasks.complete(database, tasks.claim(database, number), {}, lambda session: session.add_all(answers))


def found(database, book):
    verdict = judge(str(database.url), book)
    return verdict, (verdict.lost, verdict.stuck, verdict.double)


def test_work_that_was_done_once_is_right_also_where_somebody_was_killed_in_the_middle(database, book):
    for lost in (False, True):
        number = order(database, book)
        if lost:
            tasks.claim(database, number, lease_s=-1)
        work(database, number, forecast(number))
    verdict, wrong = found(database, book)
    assert (wrong, verdict.wrong) == ((0, 0, 0), 0)
    assert (verdict.tasks, verdict.interrupted, verdict.attempts) == (2, 1, 2)


def test_what_is_gone_and_what_failed_is_lost(database, book):
    book.accepted.append(uuid4())
    tasks.fail(database, tasks.claim(database, order(database, book)), "broken", "Submit it again.")
    verdict, wrong = found(database, book)
    assert wrong == (2, 0, 0)
    assert "broken" in str(verdict.reasons)


def test_what_has_no_end_and_what_took_too_long_is_stuck_but_for_the_time_that_nobody_could_work(
    database, book, monkeypatch
):
    number = order(database, book)
    work(database, number, forecast(number))
    with store.transaction(database) as session:
        session.execute(update(Task).values(created_at=datetime.now(UTC) - timedelta(minutes=5)))
    assert found(database, book)[1] == (0, 1, 0)
    book.held_s = 600
    assert found(database, book)[1] == (0, 0, 0)
    monkeypatch.setattr(judging, "PATIENCE_S", 0.1)
    order(database, book)
    assert found(database, book)[1] == (0, 1, 0)


def test_an_end_without_an_answer_is_told(database, book):
    work(database, order(database, book))
    assert found(database, book)[1] == (0, 0, 1)


def stage(folder, stack, *seconds):
    start, nobody = Starter(folder, stack), Running([], free_port(), {}, folder, folder / "log")
    members = [start.begun([sys.executable, "-c", READY, str(n)], None, {}) for n in seconds]
    return Stage(members, [nobody], "")


def test_whoever_works_is_killed_and_started_again(tmp_path):
    with ExitStack() as stack:
        running = stage(tmp_path, stack, 600, 600)
        before = [member.process for member in running.members]
        drill(running, ["a key"], 5, seed=1)
        after = [member.process for member in running.members]
        assert not {process.pid for process in before} & {process.pid for process in after}
        assert all(process.poll() == -9 for process in before)
        assert all(process.poll() is None for process in after)
    assert not any(os.path.exists(f"/proc/{process.pid}") for process in after)


def test_one_that_ends_by_itself_ends_the_drill(tmp_path):
    with ExitStack() as stack, pytest.raises(StartError, match="ready"):
        drill(stage(tmp_path, stack, 0, 0), ["a key"], 5, seed=1)
