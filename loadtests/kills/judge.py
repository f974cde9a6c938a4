"""What became of the tasks, read from the tables themselves and not through those that were killed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Engine, create_engine, text

from loadtests.kills.drill import PATIENCE_S, Book

TASKS = "SELECT id, status, attempt, error, losses, created_at, changed_at FROM tasks"
ENDED, UNFINISHED = ("COMPLETED", "FAILED"), ("PENDING", "RUNNING")


@dataclass(frozen=True)
class Verdict:
    """Accepted tasks that are gone or failed, those that took over two minutes, and those with more than one answer."""

    tasks: int
    lost: int
    stuck: int
    double: int
    interrupted: int  # how often a kill hit somebody in the middle of a task
    slowest_s: float  # from the order to its end
    attempts: int  # the most that a task needed
    reasons: dict[str, int]

    @property
    def wrong(self) -> int:
        """What should be none."""
        return self.lost + self.stuck + self.double


def judge(url: str, book: Book) -> Verdict:
    """After two minutes at most in which everybody lives."""
    database = create_engine(url)
    until = time.monotonic() + PATIENCE_S
    while _unfinished(database) and time.monotonic() < until:
        time.sleep(1)
    rows = _all(database, TASKS)
    status = {UUID(str(number)): state for number, state, *_ in rows}
    since = book.since.replace(tzinfo=None)
    ended = [(created, changed) for _, state, *_, created, changed in rows if state in ENDED and created >= since]
    lives = [(changed - created).total_seconds() for created, changed in ended]
    completions = _times(database, "SELECT task_id FROM task_steps WHERE status = 'COMPLETED'")
    answers = _times(database, "SELECT task_id FROM forecasts WHERE task_id IS NOT NULL")
    return Verdict(
        tasks=len(rows),
        lost=sum(status.get(number) not in ("COMPLETED", *UNFINISHED) for number in set(book.accepted)),
        stuck=sum(state not in ENDED for state in status.values())
        + sum(life > PATIENCE_S + book.held_s for life in lives),
        double=sum(n > 1 for n in (*completions.values(), *answers.values()))
        + abs(sum(state == "COMPLETED" for state in status.values()) - len(answers)),
        interrupted=sum(losses for *_, losses, _, _ in rows),
        slowest_s=max(lives, default=0.0),
        attempts=max((attempt for _, _, attempt, *_ in rows), default=0),
        reasons=dict(Counter(str(error) for _, state, _, error, *_ in rows if state == "FAILED")),
    )


def _unfinished(database: Engine) -> int:
    ((count,),) = _all(database, "SELECT count(*) FROM tasks WHERE status IN ('PENDING', 'RUNNING')")
    return int(count)


def _times(database: Engine, query: str) -> Counter[str]:
    """How often each task is among these."""
    return Counter(str(number) for (number,) in _all(database, query))


def _all(database: Engine, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        moments = text(query).columns(created_at=DateTime, changed_at=DateTime)  # SQLite has no type for them
        return [tuple(row) for row in connection.execute(moments)]
