"""What became of the tasks, read from the tables themselves and not through those that were killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, create_engine, text

from loadtests.kills.drill import PATIENCE_S

ENDED = ("COMPLETED", "FAILED")


@dataclass(frozen=True)
class Verdict:
    """Accepted tasks that are gone or failed, those without an end, and answers that a task has more than one of."""

    tasks: int
    lost: int
    stuck: int
    double: int
    attempts: int  # the most that a task needed
    reasons: dict[str, int]


def judge(url: str, accepted: Sequence[UUID]) -> Verdict:
    """After two minutes at most in which everybody lives."""
    database = create_engine(url)
    until = time.monotonic() + PATIENCE_S
    while _unfinished(database) and time.monotonic() < until:
        time.sleep(1)
    rows = _all(database, "SELECT id, status, attempt, error FROM tasks")
    status = {UUID(str(number)): state for number, state, _, _ in rows}
    completions = Counter(
        str(number) for (number,) in _all(database, "SELECT task_id FROM task_steps WHERE status = 'COMPLETED'")
    )
    answers = Counter(str(n) for (n,) in _all(database, "SELECT task_id FROM forecasts WHERE task_id IS NOT NULL"))
    failed = Counter(str(error) for _, state, _, error in rows if state == "FAILED")
    return Verdict(
        tasks=len(rows),
        lost=sum(status.get(number) not in ("COMPLETED", "PENDING", "RUNNING") for number in set(accepted)),
        stuck=sum(state not in ENDED for state in status.values()),
        double=sum(n > 1 for n in (*completions.values(), *answers.values()))
        + abs(sum(state == "COMPLETED" for state in status.values()) - len(answers)),
        attempts=max((attempt for _, _, attempt, _ in rows), default=0),
        reasons=dict(failed),
    )


def _unfinished(database: Engine) -> int:
    ((count,),) = _all(database, "SELECT count(*) FROM tasks WHERE status IN ('PENDING', 'RUNNING')")
    return int(count)


def _all(database: Engine, query: str) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
