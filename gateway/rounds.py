"""What is done from time to time and not when somebody asks: Celery's beat says when, the rows say what.

Nothing is kept in the schedule. Two workers have two, and find the same rows.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from celery import beat
from celery.exceptions import Reject

from gateway import controller, store
from gateway.broker import Broker
from gateway.settings import Settings

log = logging.getLogger(__name__)

ROUND = "forewatt.round"  # its one argument is the round's name
QUEUE = "rounds"
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """``go`` looks for what is due and does it; it may be called at any time and by several at once."""

    every_s: float
    go: Callable[..., object]  # with the database and the settings


class Rounds:
    """Makes its rounds in threads of this process."""

    def __init__(self, settings: Settings, broker: Broker, rounds: Mapping[str, Round]) -> None:
        self._settings, self._rounds = settings, rounds
        self._database = store.connect(settings.database)
        self._broker = broker
        self._closing = threading.Event()
        self._under_way = {name: threading.Lock() for name in rounds}
        self._failed: set[str] = set()
        self._beat: beat.Service | None = None
        self._threads = [
            threading.Thread(target=self._serve, name="rounds", daemon=True),
            threading.Thread(target=self._tell, name="beat", daemon=True),
        ]

    def start(self) -> None:
        """From now on; does not wait for the broker."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What a round that is under way holds is free when its lease ends."""
        self._closing.set()
        if self._beat is not None:
            self._beat.stop()
        for thread in self._threads:
            thread.join(REST_S)
        self._database.dispose()

    def go(self, name: str) -> None:
        """One round, if it is not under way here; what it fails on is looked at again in the next."""
        lock = self._under_way[name]
        if not lock.acquire(blocking=False):
            return
        try:
            self._rounds[name].go(self._database, self._settings)
            self._failed.discard(name)
        except Exception as why:  # the database may be away, and come back
            if name not in self._failed:
                log.warning("a round failed, and is made again", extra={"round": name, "reason": repr(why)})
            self._failed.add(name)
        finally:
            lock.release()

    def _serve(self) -> None:
        def take(_: Any, name: str) -> None:  # noqa: ANN401 - Celery's own
            if self._closing.is_set():
                raise Reject(requeue=False)
            if name in self._rounds:
                self.go(name)

        while not self._closing.is_set():
            app = self._broker.celery()
            app.task(name=ROUND, bind=True, shared=False)(take)
            with suppress(Exception):  # the broker is away; Celery has said so
                controller.serve(app, self._broker.queue(QUEUE), len(self._rounds), self._closing, _nobody_waits)
            self._closing.wait(REST_S)

    def _tell(self) -> None:
        app = self._broker.celery()
        where = self._broker.queue(QUEUE)
        app.conf.result_expires = None  # or beat would look for results that are old
        app.conf.beat_schedule = {
            name: {"task": ROUND, "schedule": r.every_s, "args": [name], "options": {"queue": where, "expires": 10}}
            for name, r in self._rounds.items()
        }
        self._beat = beat.Service(app, max_interval=REST_S, scheduler_cls=beat.Scheduler)
        if not self._closing.is_set():
            self._beat.start(embedded_process=False)


def _nobody_waits() -> None:
    pass
