"""Long work, told by rows: submitted, claimed under a lease, heard of, and ended once.

PENDING → RUNNING → COMPLETED or FAILED; a try that broke, or whose worker went silent, is claimed again. Whoever works
holds an attempt; when the lease has gone to another, every word of his is refused (a fencing token: Kleppmann,
"How to do distributed locking", 2016).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import Engine, Insert, Update, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from gateway import store
from gateway.tables import Task, TaskStep, table_of

log = logging.getLogger(__name__)

Status = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED"]
Queue = Literal["forecasts", "training"]

UNFINISHED = ("PENDING", "RUNNING")
LEASE_S = 20.0
BEAT_S = 5.0
MOST_RETRIES = 3
MOST_LOSSES = 20  # a task that ends so many workers is not given to another
BACKOFF_S = 2.0
_AFRESH: dict[str, Any] = {"progress": 0, "stage": None, "left_s": None}  # how far the last try came is over
TASKS, STEPS = table_of(Task), table_of(TaskStep)  # faster than their classes
DEADLY = "Whoever worked on the task ended without a word, time and again. Look at the worker's log, then submit again."


class TransientError(Exception):
    """Something that may pass: the task is tried again, later."""


class TaskError(Exception):
    """The task cannot be done; ``code`` for machines, the text says what is wrong and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class LostError(Exception):
    """The lease went to another, or the task was cancelled: what is being done for it is to stop."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a task, as long as it is heard of."""

    task: UUID
    attempt: int
    owner: str
    kind: str
    asked: dict[str, Any]
    lasts_s: float = LEASE_S  # from each time that it is heard of


def submit(  # noqa: PLR0913, PLR0917 - what a task is made of
    database: Engine, owner: str, kind: str, asked: dict[str, Any], queue: Queue, number: UUID | None = None
) -> Task:
    """A new task, durable when this returns; nobody is told yet."""
    now = datetime.now(UTC)
    task = Task(
        id=number or uuid4(),
        owner=owner,
        kind=kind,
        queue=queue,
        asked=asked,
        status="PENDING",
        created_at=now,
        changed_at=now,
        due_at=now,
        attempt=0,
        retries=0,
        losses=0,
        progress=0,
        cancelled=False,
    )
    step = {"task_id": task.id, "number": 1, "at": now, "status": "PENDING", "attempt": 0}
    with store.transaction(database, "The task could not be stored.") as session:
        session.execute(TASKS.insert(), {column.name: getattr(task, column.name) for column in TASKS.c})
        session.execute(STEPS.insert(), step)
    _say(task.id, "PENDING", 0, kind=kind)
    return task


def find(database: Engine, owner: str, number: UUID) -> Task | None:
    """The owner's task of this number."""
    with store.transaction(database) as session:
        return session.scalar(select(Task).where(Task.id == number, Task.owner == owner))


def listed(database: Engine, owner: str, status: Status | None, after: Task | None, most: int) -> list[Task]:
    """The owner's tasks, the newest first: those that come after one of them, or from the beginning."""
    wanted = select(Task).where(Task.owner == owner).order_by(Task.created_at.desc(), Task.id.desc()).limit(most)
    if status is not None:
        wanted = wanted.where(Task.status == status)
    if after is not None:
        same = and_(Task.created_at == after.created_at, Task.id < after.id)
        wanted = wanted.where(or_(Task.created_at < after.created_at, same))
    with store.transaction(database) as session:
        return list(session.scalars(wanted))


def census(database: Engine) -> tuple[dict[str, int], float]:
    """How many tasks are in each status, and for how many seconds the oldest unfinished one has been there."""
    with store.transaction(database) as session:
        found = session.execute(select(Task.status, func.count()).group_by(Task.status)).all()
        oldest = session.scalar(select(func.min(Task.created_at)).where(Task.status.in_(UNFINISHED)))
    age_s = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
    return dict(found), max(0.0, age_s)


def due(database: Engine, queue: Queue, most: int) -> list[tuple[UUID, datetime]]:
    """Tasks that somebody should claim, and since when: waiting, or running under a lease that has ended."""
    ripe = and_(Task.status.in_(UNFINISHED), Task.due_at <= datetime.now(UTC), Task.queue == queue)
    with store.transaction(database) as session:
        found = session.execute(select(Task.id, Task.due_at).where(ripe).order_by(Task.due_at).limit(most))
        return [(number, since) for number, since in found]


@store.retried
def claim(database: Engine, number: UUID, lease_s: float = LEASE_S) -> Lease | None:
    """The next attempt at a task, for one of those who ask; nothing where none is due."""
    now, row = datetime.now(UTC), TASKS.c
    with store.transaction(database) as session:
        task = session.get(Task, number)
        if task is None or task.status not in UNFINISHED or task.due_at > now:
            return None
        attempt, silent = task.attempt + 1, task.status == "RUNNING"
        if deadly := silent and task.losses >= MOST_LOSSES:
            attempt, change = task.attempt, _failed("lost", DEADLY)
        else:
            ends = now + timedelta(seconds=lease_s)
            change = {"status": "RUNNING", "attempt": attempt, "due_at": ends, "changed_at": now, **_AFRESH}
            change["losses"] = task.losses + silent
        seen = (row.id == number, row.attempt == task.attempt, row.status == task.status, row.due_at <= now)
        if not store.changed(session, TASKS.update().where(*seen), **change):
            return None
        status, reason = change["status"], "lost" if deadly else None
        _step(session, number, status, attempt, reason)
    _say(number, status, attempt, reason, kind=task.kind)
    return None if deadly else Lease(task.id, attempt, task.owner, task.kind, task.asked, lease_s)


def beat(
    database: Engine, lease: Lease, progress: int | None = None, stage: str | None = None, left_s: float | None = None
) -> None:
    """Still at work, and how far if there is news. Raises ``LostError`` where it is to stop."""
    now = datetime.now(UTC)
    heard: dict[str, Any] = {"due_at": now + timedelta(seconds=lease.lasts_s)}
    if progress is not None:
        heard |= {"progress": progress, "stage": stage, "left_s": left_s, "changed_at": now}
    with store.transaction(database) as session:
        if not store.changed(session, _held(lease), **heard):
            raise LostError


def complete(database: Engine, lease: Lease, result: dict[str, Any], keep: Callable[[Session], None]) -> None:
    """The end, with what ``keep`` adds in the same transaction. Raises ``LostError``, and nothing is kept."""
    done = {"status": "COMPLETED", "progress": 100, "stage": None, "left_s": None, "result": result}
    with store.transaction(database) as session:
        if not store.changed(session, _held(lease), changed_at=datetime.now(UTC), **done):
            raise LostError
        keep(session)
        _step(session, lease.task, "COMPLETED", lease.attempt)
    _say(lease.task, "COMPLETED", lease.attempt, kind=lease.kind)


def fail(database: Engine, lease: Lease, code: str, detail: str) -> None:
    """The end, and why. Raises ``LostError``."""
    with store.transaction(database) as session:
        if not store.changed(session, _held(lease), **_failed(code, detail)):
            raise LostError
        _step(session, lease.task, "FAILED", lease.attempt, code)
    _say(lease.task, "FAILED", lease.attempt, code, detail=detail, kind=lease.kind)


def retry(database: Engine, lease: Lease, code: str, detail: str) -> float | None:
    """Put back for another try in so many seconds; after three the task has failed. Raises ``LostError``."""
    with store.transaction(database) as session:
        retries = session.get_one(Task, lease.task).retries
    if retries >= MOST_RETRIES:
        fail(database, lease, code, detail)
        return None
    wait_s = BACKOFF_S ** (retries + 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
    _put_back(database, lease, code, wait_s, retries=retries + 1)
    return wait_s


def give_back(database: Engine, lease: Lease) -> None:
    """For another to go on with at once, since who holds it is stopping. Raises ``LostError``."""
    _put_back(database, lease, "stopped", 0.0)


def pass_on(database: Engine, lease: Lease, queue: Queue) -> None:
    """To another queue, for those who work there; no try is counted. Raises ``LostError``."""
    _put_back(database, lease, f"passed on to {queue}", 0.0, queue=queue)


def cancel(database: Engine, owner: str, number: UUID) -> bool:
    """End a task before its time; whoever works on it hears it at his next beat. False where it has ended already."""
    with store.transaction(database) as session:
        unfinished = update(Task).where(Task.id == number, Task.owner == owner, Task.status.in_(UNFINISHED))
        detail = "The task was cancelled. Submit it again if it is wanted after all."
        if not store.changed(session, unfinished, cancelled=True, **_failed("cancelled", detail)):
            return False
        task = session.get_one(Task, number)
        _step(session, number, "FAILED", task.attempt, "cancelled")
    _say(number, "FAILED", task.attempt, "cancelled", kind=task.kind)
    return True


def steps(database: Engine, number: UUID) -> list[TaskStep]:
    """What became of a task, in order."""
    with store.transaction(database) as session:
        return list(session.scalars(select(TaskStep).where(TaskStep.task_id == number).order_by(TaskStep.number)))


def _put_back(database: Engine, lease: Lease, reason: str, wait_s: float, **more: int | str) -> None:
    now = datetime.now(UTC)
    again = {"status": "PENDING", "due_at": now + timedelta(seconds=wait_s), "changed_at": now, **_AFRESH, **more}
    with store.transaction(database) as session:
        if not store.changed(session, _held(lease), **again):
            raise LostError
        _step(session, lease.task, "PENDING", lease.attempt, reason)
    _say(lease.task, "PENDING", lease.attempt, reason, kind=lease.kind)


def _held(lease: Lease) -> Update:
    row = TASKS.c
    return TASKS.update().where(row.id == lease.task, row.attempt == lease.attempt, row.status == "RUNNING")


def _failed(code: str, detail: str) -> dict[str, Any]:
    error = {"code": code, "detail": detail}
    return {"status": "FAILED", "error": error, "stage": None, "left_s": None, "changed_at": datetime.now(UTC)}


def _step(session: Session, number: UUID, status: Status, attempt: int, reason: str | None = None) -> None:
    said = {"status": status, "attempt": attempt, "reason": reason and reason[:64], "at": datetime.now(UTC)}
    session.execute(_NEXT_STEP, {"task_id": number, **said})


def _next_step() -> Insert:
    said = [column for column in STEPS.c if column is not STEPS.c.number]
    bound = [bindparam(column.name, type_=column.type) for column in said]
    number = func.coalesce(func.max(STEPS.c.number), 0) + 1
    found = select(*bound, number).where(STEPS.c.task_id == bindparam("task_id"))
    return STEPS.insert().from_select([*said, STEPS.c.number], found)


_NEXT_STEP = _next_step()  # one statement, made once: all who want to write wait while a task is claimed or ended


def _say(number: UUID, status: Status, attempt: int, reason: str | None = None, **more: str) -> None:
    """A line for each change, once it is durable; the failed ones stand out."""
    told = {"task": str(number), "status": status, "attempt": attempt, "reason": reason, **more}
    log.log(logging.WARNING if status == "FAILED" else logging.INFO, "task %s", status, extra=told)
