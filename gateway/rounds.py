"""What is done from time to time and not when somebody asks: APScheduler says when, the rows say what.

Nothing is kept in the schedule. Two workers have two, and find the same rows. No broker is needed, so that alerts are
told while there is none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from gateway import store
from gateway.settings import Settings

log = logging.getLogger(__name__)
SCHEDULE = logging.getLogger("apscheduler")
SCHEDULE.setLevel(logging.ERROR)  # that a round was made, or takes long and is passed over, is no news


@dataclass(frozen=True, slots=True)
class Round:
    """``go`` looks for what is due and does it; it may be called at any time and by several at once."""

    every_s: float
    go: Callable[..., object]  # with the database and the settings


class Rounds:
    """Makes its rounds in threads of this process, each one at a time."""

    def __init__(self, settings: Settings, rounds: Mapping[str, Round]) -> None:
        self._settings, self._rounds = settings, rounds
        self._database = store.connect(settings.database)
        self._failed: set[str] = set()
        usual = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}  # however late: once, and now
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": _Daemons()}, job_defaults=usual)
        for name, each in rounds.items():
            self._scheduler.add_job(self._go, "interval", [name], id=name, seconds=each.every_s)

    def start(self) -> None:
        """From now on."""
        self._scheduler.start()

    def stop(self) -> None:
        """What a round that is under way holds is free when its lease ends."""
        self._scheduler.shutdown(wait=False)
        self._database.dispose()

    def _go(self, name: str) -> None:
        try:
            self._rounds[name].go(self._database, self._settings)
            self._failed.discard(name)
        except Exception as why:  # the database may be away, and come back
            if name not in self._failed:
                log.warning("a round failed, and is made again", extra={"round": name, "reason": repr(why)})
            self._failed.add(name)


class _Daemons(BaseExecutor):  # type: ignore[misc]  # APScheduler has no types
    """A thread for each round, which ends with the process, whatever it waits for; a pool's would hold it up."""

    def _do_submit_job(self, job: Job, moments: list[datetime]) -> None:
        threading.Thread(target=self._run, args=(job, moments), name=f"round of {job.id}", daemon=True).start()

    def _run(self, job: Job, moments: list[datetime]) -> None:
        self._run_job_success(job.id, run_job(job, job._jobstore_alias, moments, SCHEDULE.name))
