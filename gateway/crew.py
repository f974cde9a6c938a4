"""Those who work on tasks, mostly in a process of their own: by queue so many at once, and a sweeper."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from asgi_correlation_id import correlation_id
from celery.exceptions import Reject

from gateway import controller, runs, snapshots, store, tasks
from gateway.beside import Beside
from gateway.broker import MESSAGE, TRACE, Broker, Messages
from gateway.runs import Run, Work
from gateway.settings import Settings
from gateway.tasks import Queue

log = logging.getLogger(__name__)

SWEEP_S = 2.0
TIDY_S = 600.0
MOST_QUEUED = 100  # what a sweeper fills a queue up to; thousands may be due
SENT_AGAIN_S = 10.0  # a message that nobody took meanwhile is lost
GIVE_BACK_S = 8.0  # for the work to end when it is told to, and whatever it started
REST_S = 1.0


class Crew:
    """Claims tasks and carries them out."""

    def __init__(
        self, settings: Settings, broker: Broker, kinds: Mapping[str, Work], at_once: Mapping[Queue, int]
    ) -> None:
        self._settings, self._broker, self._kinds, self._at_once = settings, broker, kinds, at_once
        self._database = store.connect(settings.database)  # a pool of its own: beats wait for no request
        self._closing = threading.Event()
        self._runs: set[Run] = set()
        self._sent: dict[tuple[UUID, datetime], float] = {}
        self._listening = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._serve, args=(queue, most), name=f"queue {queue}", daemon=True)
            for queue, most in at_once.items()
        ]
        self._sweeper = threading.Thread(target=self._sweep_always, name="sweeper", daemon=True)

    def start(self) -> None:
        """From now on tasks are claimed; does not wait for the broker."""
        for thread in (*self._threads, self._sweeper):
            thread.start()

    def wait_until_listening(self) -> None:
        """Until the broker has answered for every queue."""
        for _ in self._threads:
            self._listening.acquire()

    def stop(self, patience_s: float = 0.0) -> None:
        """Claims nothing more; what still runs after so long is told to end, and given back for another to claim."""
        self._closing.set()
        if not self._idle(patience_s):
            for run in list(self._runs):
                run.stopped.set()
            if not self._idle(GIVE_BACK_S):
                left = [str(run.lease.task) for run in list(self._runs)]
                log.warning("tasks do not end; others go on when their leases end", extra={"tasks": left})
        for thread in (*self._threads, self._sweeper):
            thread.join(REST_S)  # one that waits for a broker or a database is left behind
        self._database.dispose()

    def _idle(self, patience_s: float) -> bool:
        end = time.monotonic() + patience_s
        while self._runs and time.monotonic() < end:
            time.sleep(0.05)
        return not self._runs

    def _serve(self, queue: Queue, most: int) -> None:
        def take(message: Any, number: str) -> None:  # noqa: ANN401 - Celery's own
            self._take(number, message.request.get(TRACE))

        while not self._closing.is_set():
            app = self._broker.celery()
            app.task(name=MESSAGE, bind=True, shared=False)(take)
            try:
                controller.serve(app, self._broker.queue(queue), most, self._closing, self._listening.release)
            except Exception:
                log.exception("listening broke, and begins again", extra={"queue": queue})
            self._closing.wait(REST_S)

    def _take(self, number: str, trace_id: str | None) -> None:
        """What a message is for: the task is claimed, if nobody has it, and carried out."""
        if self._closing.is_set():
            raise Reject(requeue=True)
        correlation_id.set(trace_id)
        try:
            lease = tasks.claim(self._database, UUID(number), self._settings.lease_s)
        except Exception as why:  # the message has gone, the row stays: a sweeper sends another
            log.warning("a task could not be claimed", extra={"task": number, "reason": str(why)})
            return
        if lease is not None:
            run = Run(lease, self._database, self._settings)
            self._runs.add(run)
            if self._closing.is_set():  # meanwhile: nobody else tells this one
                run.stopped.set()
            try:
                runs.carry_out(run, self._kinds)
            finally:
                self._runs.discard(run)

    def _sweep_always(self) -> None:
        failed, tidied = False, -math.inf
        while not self._closing.is_set():
            try:
                self._sweep()
                if time.monotonic() - tidied > TIDY_S:
                    snapshots.sweep(self._settings.snapshots, self._database)
                    tidied = time.monotonic()
                failed = False
            except Exception as why:  # the database or the broker is away: they will be back
                if not failed:
                    log.warning("due tasks cannot be looked for", extra={"reason": str(why)})
                failed = True
            self._closing.wait(SWEEP_S)

    def _sweep(self) -> None:
        """Send messages for what is due; no more than fill the queue a little, and none twice within seconds."""
        now = time.monotonic()
        self._sent = {what: at for what, at in self._sent.items() if now - at < SENT_AGAIN_S}
        for queue in self._at_once:
            due = tasks.due(self._database, queue, MOST_QUEUED)
            room = MOST_QUEUED - self._broker.waiting(queue) if due else 0
            for what in [what for what in due if what not in self._sent][: max(0, room)]:
                self._broker.send(what[0], queue)
                self._sent[what] = now


@asynccontextmanager
async def opened(settings: Settings, kinds: Mapping[str, Work] | None) -> AsyncIterator[Messages]:
    """The way to the workers as long as the gateway runs.

    Without a broker there is one in a process beside it; or it is here, if there are kinds of work to be done here.
    """
    crew, messages = _chosen(settings, kinds)
    messages.start()
    if crew is not None:
        crew.start()
    log.info("tasks are sent", extra={"to": messages.shown})
    try:
        yield messages
    finally:
        if crew is not None:
            await asyncio.to_thread(crew.stop)
        await asyncio.to_thread(messages.stop)


def _chosen(settings: Settings, kinds: Mapping[str, Work] | None) -> tuple[Crew | None, Messages]:
    if url := settings.celery_broker_url:
        return None, Broker(url.get_secret_value())
    if kinds is None:
        return None, Beside()
    memory = Broker(None)
    return Crew(settings, memory, kinds, at_once(settings)), memory


def at_once(settings: Settings) -> dict[Queue, int]:
    """How many tasks of each queue run at the same time."""
    return {"forecasts": settings.tasks_at_once, "training": settings.fits_at_once}
