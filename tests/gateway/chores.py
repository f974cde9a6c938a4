"""Work that tests order, and the real gateway or worker that does it: `python chores.py gateway|worker [options]`."""

import os
import signal
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from conftest import running
from sqlalchemy import Engine, func, select, update

from gateway import beside, broker, store, tasks, worker
from gateway.__main__ import main as gateway_main
from gateway.app import create_app
from gateway.broker import Tell
from gateway.settings import Settings
from gateway.shortway import ShortProtocol
from gateway.store import Database
from gateway.tables import Import, Task

PATIENCE_S = 120


def chore(run):
    """As long as it is asked for; notes in a file when it begins and how it ends, and keeps one row."""
    asked = run.lease.asked
    note = partial(_note, run)
    note("begins")
    if run.lease.attempt <= asked.get("transient", 0):
        raise tasks.TransientError("The other side does not answer.")
    if "refuse" in asked:
        raise tasks.TaskError("too-short", asked["refuse"])
    if "crash" in asked:
        raise KeyError(asked["crash"])
    if run.lease.attempt <= asked.get("kill", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    end = time.monotonic() + asked.get("seconds", 0)
    while time.monotonic() < end and not os.path.exists(asked.get("until", "")):
        run.report(50, "half way", end - time.monotonic())
        if asked.get("deaf"):
            time.sleep(0.05)
        elif run.stopped.wait(0.05):
            note("stops")
            run.check()
    note("ends")
    return {"attempt": run.lease.attempt}, lambda session: session.add(a_row(run.lease.task))


def _note(run, what: str) -> None:
    if path := run.lease.asked.get("file"):
        line = f"{run.lease.task} {run.lease.attempt} {what} {os.getpid()}\n".encode()
        with open(path, "ab", buffering=0) as file:
            file.write(line)  # one write, at the end of whatever others wrote


def a_row(number: UUID) -> Import:
    """What the work on a task keeps."""
    now = datetime.now(UTC)
    return Import(
        id=uuid4(), owner=str(number), created_at=now, file_name="", mode="all", rows=0, duplicates=0, errors=0
    )


KINDS = {"chore": chore}


def connected(data: Path) -> Engine:
    """The database of a gateway with this data folder, made if it is not there."""
    data.mkdir(parents=True, exist_ok=True)
    engine = store.connect(f"sqlite:///{data / 'forewatt.db'}")
    store.migrate(engine)
    return engine


def order(database: Engine, queue="forecasts", owner="local", **asked) -> Task:
    """A chore, of which nobody is told."""
    return tasks.submit(database, owner, "chore", asked, queue)


def seen(database: Engine, task: Task) -> Task:
    """The task as it is now."""
    with store.transaction(database) as session:
        return session.scalar(select(Task).where(Task.id == task.id))


def kept(database: Engine, task: Task) -> int:
    """How often its row was kept."""
    with store.transaction(database) as session:
        return session.scalar(select(func.count()).select_from(Import).where(Import.owner == str(task.id)))


def told(database: Engine, task: Task) -> list[tuple[str, int, str | None]]:
    """What became of it."""
    return [(step.status, step.attempt, step.reason) for step in tasks.steps(database, task.id)]


def over(database: Engine, task: Task) -> None:
    """Whatever the task waits for is over."""
    with store.transaction(database) as session:
        session.execute(update(Task).where(Task.id == task.id).values(due_at=datetime(2020, 1, 1, tzinfo=UTC)))


@contextmanager
def a_gateway(data, **knobs):
    """A gateway that takes chores at /chores; gives its client."""
    app = create_app(Settings(data=data, anonymous=True, **knobs), KINDS)

    @app.post("/chores", status_code=202)
    def submit(asked: dict, database: Database, messages: Tell) -> dict:
        task = tasks.submit(database, "local", "chore", asked, asked.get("queue", "forecasts"))
        messages.tell(task)
        return {"taskId": task.id}

    with running(app, ShortProtocol) as url, httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        yield client


def wait_until(true) -> None:
    """Fails where it does not come true in a long time."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def ended(database: Engine, *ordered: Task) -> bool:
    return all(seen(database, task).status in ("COMPLETED", "FAILED") for task in ordered)


if __name__ == "__main__":
    worker.KINDS.update(KINDS)
    beside.COMMAND = (sys.executable, __file__, "worker", "--beside")
    broker.VISIBLE_AGAIN_S = int(os.environ.get("VISIBLE_AGAIN_S", broker.VISIBLE_AGAIN_S))
    sys.exit(gateway_main([]) if sys.argv[1] == "gateway" else worker.main(sys.argv[2:]))
