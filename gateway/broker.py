"""Messages that there is something to do. They may be lost or come twice: the rows say what is true.

Without a broker they stay in the process that works on tasks.
"""

from __future__ import annotations

import logging
import queue
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID, uuid4

from asgi_correlation_id import correlation_id
from celery import Celery
from fastapi import Depends, Request
from kombu.exceptions import ChannelError
from kombu.utils.url import maybe_sanitize_url

from gateway.tables import Task

log = logging.getLogger(__name__)

MESSAGE = "forewatt.work"  # its one argument is the task's id
TRACE = "trace_id"  # its header: the id of the request that submitted
HERE = "memory://localhost/"
POLL_S = 0.02  # of the memory; Celery's own takes a second
VISIBLE_AGAIN_S = 3600  # what a worker took and never answered for, Redis gives to another; the leases are faster
CONNECT_S, ANSWER_S = 2.0, 5.0
MOST_UNSENT = 1000
AWAY = "The broker does not answer. Tasks are kept, and workers get them when it does."

Note = tuple[UUID, str, str | None]  # task, queue, request


class Messages(ABC):
    """Sends in a thread of its own, so that nobody waits for it."""

    def __init__(self, shown: str) -> None:
        self.shown = shown  # where they go
        self.closing = threading.Event()
        self._unsent: queue.Queue[Note | None] = queue.Queue(MOST_UNSENT)
        self._away = False
        self._thread = threading.Thread(target=self._send_all, name="messages", daemon=True)

    @abstractmethod
    def send(self, number: UUID, name: str, trace_id: str | None = None) -> None:
        """Send a message now, to the queue of this name. Raises whatever says that it was not taken."""

    def tell(self, task: Task) -> None:
        """Say at once and without waiting that a task, which must be durable, is due. A sweeper says what is lost."""
        try:
            self._unsent.put_nowait((task.id, task.queue, correlation_id.get()))
        except queue.Full:
            log.info("too many messages wait to be sent", extra={"task": str(task.id)})

    def start(self) -> None:
        """From now on what is told is sent."""
        self._thread.start()

    def stop(self) -> None:
        """What is not sent yet is left to the sweepers."""
        self.closing.set()
        with suppress(queue.Full):
            self._unsent.put_nowait(None)
        self._thread.join(CONNECT_S)

    def _send_all(self) -> None:
        while (note := self._unsent.get()) is not None and not self.closing.is_set():
            try:
                self.send(*note)
                self._away = False
            except Exception as why:  # whatever it is, the next message may pass
                if not self._away:
                    log.warning(AWAY, extra={"broker": self.shown, "reason": str(why)})
                self._away = True


class Broker(Messages):
    """Celery's messages, by a server that speaks Redis' protocol or within this process."""

    def __init__(self, url: str | None) -> None:
        self.url = url or HERE
        super().__init__(maybe_sanitize_url(self.url))
        # The memory is the process's: two gateways in one must not take each other's messages.
        self._mark = "" if url else f".{uuid4().hex}"
        self._app = self.celery()

    def celery(self) -> Celery:
        """A Celery that knows the broker and no work yet."""
        app = Celery("forewatt", broker=self.url, set_as_current=False)
        app.conf.update(
            accept_content=["json"],
            task_serializer="json",
            task_acks_late=True,
            task_reject_on_worker_lost=True,
            task_ignore_result=True,
            task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
            worker_prefetch_multiplier=1,
            worker_enable_remote_control=False,
            broker_connection_timeout=CONNECT_S,
            broker_connection_retry_on_startup=True,
            broker_connection_max_retries=None,
            broker_transport_options=_options(self.url),
        )
        return app

    def queue(self, name: str) -> str:
        """What the broker calls a queue of tasks."""
        return f"{name}{self._mark}"

    def send(self, number: UUID, name: str, trace_id: str | None = None) -> None:
        """Raises what Celery and the broker's client raise."""
        self._app.send_task(MESSAGE, args=[str(number)], queue=self.queue(name), headers={TRACE: trace_id})

    def waiting(self, name: str) -> int:
        """How many messages wait in a queue. Raises as `send` does."""
        with self._app.connection_for_read() as connection:
            try:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_S)
                return int(connection.default_channel.queue_declare(self.queue(name), passive=True).message_count)
            except ChannelError:
                return 0  # nothing was ever sent to it, or all was taken

    def stop(self) -> None:
        """As all messages."""
        super().stop()
        self._app.close()


def _options(url: str) -> dict[str, Any]:
    if url == HERE:
        return {"polling_interval": POLL_S}
    return {
        "visibility_timeout": VISIBLE_AGAIN_S,
        "socket_connect_timeout": CONNECT_S,
        "socket_timeout": ANSWER_S,
        "socket_keepalive": True,
    }


async def _messages(request: Request) -> Messages:
    messages: Messages = request.app.state.messages
    return messages


Tell = Annotated[Messages, Depends(_messages)]
