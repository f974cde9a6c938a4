"""One try at a task: heartbeats beside the work, and each of its ends written into the row."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gateway import tasks
from gateway.errors import Unavailable
from gateway.settings import Settings
from gateway.tasks import Lease, LostError, TaskError, TransientError

log = logging.getLogger(__name__)

LEAST_S = 0.5  # between two words to the database, however much is reported
AGAIN_S = 1.0  # until the end of a task is written once more
LONGEST_STAGE = 64
UNKNOWN = "No worker here knows this kind of task. Bring gateway and workers to the same version and submit it again."
BROKEN = "Something broke on our side; the log has it under this task's id. Submit it again, tell us if it stays."


class Run:
    """What the work on a task gets; ``stopped`` is set when it is to end: the task is another's, or we leave."""

    def __init__(self, lease: Lease, database: Engine, settings: Settings) -> None:
        self.lease, self.database, self.settings = lease, database, settings
        self.stopped = threading.Event()
        self.lost = False
        self._over = threading.Event()
        self._news = threading.Event()
        self._said: tuple[int, str, float | None] | None = None
        self._heard = time.monotonic()

    def report(self, progress: int, stage: str, left_s: float | None) -> None:
        """How far the work is, in percent, and how many seconds are left; written by the next beat, which is near."""
        left_s = None if left_s is None else max(0.0, left_s)
        self._said = max(0, min(99, progress)), stage[:LONGEST_STAGE], left_s
        self._news.set()

    def check(self) -> None:
        """Raises ``LostError`` when the work is to end."""
        if time.monotonic() - self._heard > self.lease.lasts_s:
            self.lose()
        if self.stopped.is_set():
            raise LostError

    def lose(self) -> None:
        """The task is no longer ours: no word about it counts."""
        self.lost = True
        self.stopped.set()

    @contextmanager
    def heard_of(self) -> Iterator[None]:
        """Heartbeats, as long as this lasts."""
        threading.Thread(target=self._beat, name=f"beats of {self.lease.task}", daemon=True).start()
        try:
            yield
        finally:
            self._over.set()
            self._news.set()

    def _beat(self) -> None:
        every_s = min(tasks.BEAT_S, self.lease.lasts_s / 4)
        written = None
        self._over.wait(min(LEAST_S, every_s))  # most work is done sooner, and the claim said all that is known
        while not self.lost:
            self._news.wait(every_s)
            self._news.clear()
            if self._over.is_set():
                return
            began, said = time.monotonic(), self._said
            try:
                tasks.beat(self.database, self.lease, *(said if said and said != written else ()))
                self._heard, written = began, said
            except LostError:
                self.lose()
            except Exception as why:  # the database is away: as long as the lease lasts, it may come back
                log.warning("a beat was not heard", extra={"task": str(self.lease.task), "reason": str(why)})
                if time.monotonic() - self._heard > self.lease.lasts_s:
                    self.lose()
            self._over.wait(min(LEAST_S, every_s))


Ending = Callable[[], object]
Work = Callable[[Run], tuple[dict[str, Any], Callable[[Session], None]]]


def carry_out(run: Run, kinds: Mapping[str, Work]) -> None:
    """Do the work of a run and write how it ended; where the task is lost, nothing is written."""
    with run.heard_of():
        ending = _attempt(run, kinds.get(run.lease.kind))
        try:
            _write(run, ending)
        except Exception:
            _write(run, _broken(run))


def _attempt(run: Run, work: Work | None) -> Ending:
    database, lease = run.database, run.lease
    try:
        if work is None:
            raise TaskError("kind-unknown", UNKNOWN)
        result, keep = work(run)
    except Exception as why:
        if run.stopped.is_set() or isinstance(why, LostError):
            return partial(_let_go, run)
        if isinstance(why, TaskError):
            return partial(tasks.fail, database, lease, why.code, why.detail)
        if isinstance(why, TransientError | Unavailable):
            detail = why.detail if isinstance(why, Unavailable) else str(why)
            return partial(tasks.retry, database, lease, "unavailable", detail)
        return _broken(run)
    return partial(tasks.complete, database, lease, result, keep)


def _broken(run: Run) -> Ending:
    """To be called while the exception is being handled, since the log shows it."""
    log.exception("the work broke", extra={"task": str(run.lease.task), "attempt": run.lease.attempt})
    return partial(tasks.fail, run.database, run.lease, "internal", BROKEN)


def _let_go(run: Run) -> None:
    if run.stopped.is_set() and not run.lost:
        tasks.give_back(run.database, run.lease)


def _write(run: Run, ending: Ending) -> None:
    """Until the database takes it, as long as the task is ours."""
    while True:
        try:
            ending()
        except LostError:
            run.lose()
        except Unavailable:
            if not run.stopped.wait(AGAIN_S):
                continue
        return
