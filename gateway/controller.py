"""Celery's worker inside a process of ours: tasks in daemon threads, and an end when it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from celery import Celery
from celery.bootsteps import RUN
from celery.concurrency.base import BasePool, apply_target
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController
from celery.worker.consumer import Consumer

LOOK_S = 0.1  # for messages, for room that a finished task left, for the word to stop


class Threads(BasePool):
    """A daemon thread for each message that is worked on: Celery's own threads hold the process until they end."""

    body_can_be_buffer = True
    signal_safe = False

    def on_start(self) -> None:
        """After a lost connection there may be more messages than places."""
        self._places = threading.Semaphore(self.limit)

    def on_apply(
        self,
        target: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,  # noqa: ANN401 - Celery's own
    ) -> None:
        """Starts at once, or when there is a place."""

        def work() -> None:
            self.app.set_current()  # several may share this process, and Celery asks the thread for its own
            with self._places:
                apply_target(target, args, kwargs, callback, accept_callback)

        threading.Thread(target=work, name="task", daemon=True).start()


class Listener(Consumer):
    """Waits for messages, no longer than ``LOOK_S`` at once.

    Celery's own loop may sleep for two seconds after a task has made room for the next, or when it is told to stop.
    """

    closing: threading.Event

    def loop(self, *given: Any) -> None:  # noqa: ANN401 - Celery's own
        """As ``celery.worker.loops.synloop``, which it replaces."""
        _, connection, consumer, blueprint, _, qos, *_ = given
        consumer.on_message = self.create_task_handler()
        consumer.consume()
        self.on_ready()
        while blueprint.state == RUN and self.connection:
            if self.closing.is_set():
                raise WorkerShutdown(0)
            if qos.prev != qos.value:
                qos.update()
            self.perform_pending_operations()
            with suppress(TimeoutError):
                connection.drain_events(timeout=LOOK_S)


def serve(app: Celery, queue: str, at_once: int, closing: threading.Event, ready: Callable[[], None]) -> None:
    """Work on a queue's messages until ``closing``, or until Celery breaks; ``ready`` is called when it listens."""
    controller = WorkController(
        app=app,
        hostname=queue,
        queues=[queue],
        concurrency=at_once,
        pool=Threads,
        consumer_cls=Listener,
        ready_callback=lambda _: ready(),
        use_eventloop=False,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    controller.consumer.closing = closing
    controller.start()
