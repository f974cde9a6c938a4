"""Tasks that the gateway works on itself: soon, so many at once, once, and on with them after a stop."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from chores import a_gateway, connected, ended, kept, order, over, seen, told, wait_until

from gateway import tasks


@pytest.fixture
def database(tmp_path):
    engine = connected(tmp_path)
    yield engine
    engine.dispose()


def status(client, number):
    return client.get(f"/api/v1/tasks/{number}").json()["status"]


@pytest.mark.parametrize("queue", ["forecasts", "training"])
def test_a_task_is_done_without_any_other_process(tmp_path, queue):
    with a_gateway(tmp_path) as client:
        number = client.post("/chores", json={"queue": queue}).json()["taskId"]
        wait_until(lambda: status(client, number) == "COMPLETED")
        assert client.get(f"/api/v1/tasks/{number}").json()["result"] == {"attempt": 1}


def test_a_task_of_which_nobody_was_told_is_found(tmp_path, database):
    before = order(database)
    with a_gateway(tmp_path):
        meanwhile = order(database, queue="training", transient=1)
        wait_until(lambda: ended(database, before, meanwhile))
    assert told(database, meanwhile)[-1] == ("COMPLETED", 2, None)


def test_no_more_tasks_run_at_once_than_the_settings_say(tmp_path, database):
    notes = tmp_path / "notes"
    ordered = [order(database, queue="training", seconds=0.3, file=str(notes)) for _ in range(3)]
    ordered += [order(database, seconds=0.3, file=str(notes)) for _ in range(8)]
    with a_gateway(tmp_path, tasks_at_once=3, fits_at_once=1):
        wait_until(lambda: ended(database, *ordered))
    at_once = {"training": set(), "forecasts": set()}
    most = {"training": 0, "forecasts": 0}
    queues = {str(task.id): task.queue for task in ordered}
    for line in notes.read_text().splitlines():
        number, _, what, _ = line.split()
        going = at_once[queues[number]]
        going.add(number) if what == "begins" else going.discard(number)
        most[queues[number]] = max(most[queues[number]], len(going))
    assert most == {"training": 1, "forecasts": 3}


def test_a_lease_that_ended_is_claimed_by_whoever_is_there(tmp_path, database):
    task = order(database)
    assert tasks.claim(database, task.id)
    over(database, task)
    with a_gateway(tmp_path):
        wait_until(lambda: ended(database, task))
    assert told(database, task)[1:] == [("RUNNING", 1, None), ("RUNNING", 2, None), ("COMPLETED", 2, None)]


def test_a_stop_gives_running_tasks_back_and_the_next_start_goes_on_at_once(tmp_path, database):
    with a_gateway(tmp_path) as client:
        number = client.post("/chores", json={"seconds": 600}).json()["taskId"]
        wait_until(lambda: status(client, number) == "RUNNING")
    (task,) = tasks.listed(database, "local", None, None, 9)
    assert told(database, task)[-1] == ("PENDING", 1, "stopped")
    with a_gateway(tmp_path) as client:
        wait_until(lambda: status(client, number) == "RUNNING")
        assert client.delete(f"/api/v1/tasks/{number}").status_code == 200
    assert told(database, task)[-2:] == [("RUNNING", 2, None), ("FAILED", 2, "cancelled")]


def test_two_gateways_on_one_database_share_the_tasks_and_do_each_once(tmp_path, database):
    with ExitStack() as stack:
        clients = [stack.enter_context(a_gateway(tmp_path)) for _ in range(2)]
        numbers = [clients[n % 2].post("/chores", json={}).json()["taskId"] for n in range(40)]
        for number in numbers:
            wait_until(lambda number=number: status(clients[0], number) == "COMPLETED")
    for task in tasks.listed(database, "local", None, None, 100):
        assert told(database, task) == [("PENDING", 0, None), ("RUNNING", 1, None), ("COMPLETED", 1, None)]
        assert kept(database, task) == 1


def test_each_change_is_a_line_with_the_task_and_the_request_that_ordered_it(tmp_path, database, caplog):
    caplog.set_level("INFO", "gateway.tasks")
    with a_gateway(tmp_path) as client:
        number = client.post("/chores", json={"refuse": "Import more."}).json()["taskId"]
        wait_until(lambda: status(client, number) == "FAILED")
    lines = [line for line in caplog.records if getattr(line, "task", None) == number]
    assert [(line.status, line.attempt, line.reason) for line in lines] == [
        ("PENDING", 0, None),
        ("RUNNING", 1, None),
        ("FAILED", 1, "too-short"),
    ]
    assert [line.levelname for line in lines] == ["INFO", "INFO", "WARNING"]
    (task,) = tasks.listed(database, "local", None, None, 9)
    assert seen(database, task).error["detail"] == "Import more."
