"""An open-loop HTTP driver: requests leave when they are due, however late the last answer was.

Latency counts from the moment a request was due. Timers tick in milliseconds, so it may leave one late; that counts.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools
import numpy as np
import uvloop

from loadtests.answers import HUNG_UP, NO_ANSWER, Log
from loadtests.shapes import Floats

TICK_S = 0.001
MAX_IN_A_ROW = 64  # sent before answers get their turn


@dataclass(frozen=True)
class Target:
    """Where to ask, with which bodies in turn, and how patient the callers are.

    After ``hang_up_s`` a caller closes its connection. ``connections`` are open before the first arrival; more are
    opened when all are busy, up to ``most``. The run ends ``patience_s`` after the last arrival.
    """

    url: str
    bodies: Sequence[bytes]
    deadline_ms: float = 500.0
    hang_up_s: float | None = None
    connections: int = 16
    most: int = 1024
    patience_s: float = 10.0
    keep_bodies: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.url)
        return url.hostname or "127.0.0.1", url.port or 80

    def requests(self) -> list[bytes]:
        """Everything that goes over the wire, made before the clock runs."""
        url = urlsplit(self.url)
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"POST {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n{more}"
            f"X-Forewatt-Deadline-Ms: {round(self.deadline_ms)}\r\nContent-Length: "
        ).encode()
        return [head + str(len(body)).encode() + b"\r\n\r\n" + body for body in self.bodies]


def run(target: Target, arrivals: Floats) -> Log:
    """Send ``arrivals`` (seconds, ascending) and wait for the answers."""
    return uvloop.run(drive(target, arrivals))


async def drive(target: Target, arrivals: Floats) -> Log:
    """As ``run``, inside a loop that runs already."""
    return await _Run(target, arrivals).log()


class _Run:
    def __init__(self, target: Target, arrivals: Floats) -> None:
        self.target, self.arrivals = target, arrivals
        self.loop = asyncio.get_running_loop()
        self.requests = target.requests()
        count = len(arrivals)
        self.started, self.ended = [np.nan] * count, [np.nan] * count
        self.status, self.retry_after = [NO_ANSWER] * count, [False] * count
        self.bodies = [b""] * count if target.keep_bodies else []
        self.left = count
        self.finished = asyncio.Event()
        self.connections: set[_Connection] = set()
        self.idle: list[_Connection] = []
        self.waiting: deque[int] = deque()  # due, but all connections are busy
        self.opening: set[asyncio.Task[None]] = set()
        self.began = 0.0

    async def log(self) -> Log:
        await asyncio.gather(*(self._open() for _ in range(self.target.connections)))
        with _no_garbage_collection():
            cpu, self.began = time.process_time(), time.monotonic()
            await self._send_when_due()
            await self._answers()
            wall, cpu = self.now(), time.process_time() - cpu
        for connection in list(self.connections):
            connection.transport.abort()
        times = (self.arrivals, np.array(self.started), np.array(self.ended))
        outcome = (np.array(self.status), np.array(self.retry_after, dtype=bool), self.bodies)
        return Log(*times, *outcome, self.target.deadline_ms / 1000, self.began, wall, cpu)

    def now(self) -> float:
        return time.monotonic() - self.began

    async def _send_when_due(self) -> None:
        for index, due in enumerate(self.arrivals.tolist()):
            while (wait := due - self.now()) > 0:
                await asyncio.sleep(max(wait, TICK_S))  # uvloop would spin on less
            if index % MAX_IN_A_ROW == 0:
                await asyncio.sleep(0)
            self._send(index)

    async def _answers(self) -> None:
        if self.left:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.finished.wait(), self.target.patience_s)
        self.left = 0  # what comes now comes too late to be written down

    def _send(self, index: int) -> None:
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                connection.send(index)
                return
        self.waiting.append(index)
        self._open_one_more()

    def _open_one_more(self) -> None:
        if len(self.connections) + len(self.opening) < self.target.most:
            task = self.loop.create_task(self._open())
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def _open(self) -> None:
        try:
            await self.loop.create_connection(lambda: _Connection(self), *self.target.address)
        except OSError:
            if self.waiting:
                self.finish(self.waiting.popleft(), NO_ANSWER)

    def forget(self, connection: _Connection) -> None:
        """The connection is gone; who waited for it gets another."""
        self.connections.discard(connection)
        if self.waiting and self.left:
            self._open_one_more()

    def release(self, connection: _Connection) -> None:
        """The connection has nothing to do."""
        if self.waiting:
            connection.send(self.waiting.popleft())
        else:
            self.idle.append(connection)

    def finish(self, index: int, status: int) -> None:
        """One request is over; only an answer has an end."""
        if not self.left:
            return
        self.status[index] = status
        if status > NO_ANSWER:
            self.ended[index] = self.now()
        self.left -= 1
        if not self.left:
            self.finished.set()


class _Connection(asyncio.Protocol):
    """One request at a time, as clients without pipelining do."""

    transport: asyncio.Transport

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.index: int | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport is one that writes
        self.run.connections.add(self)
        self.run.release(self)

    def send(self, index: int) -> None:
        run = self.run
        self.index = index
        run.started[index] = run.now()
        self.transport.write(run.requests[index % len(run.requests)])
        if run.target.hang_up_s is not None:
            self.timer = run.loop.call_later(run.target.hang_up_s, self._over, HUNG_UP)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.index is not None and name.lower() == b"retry-after":
            self.run.retry_after[self.index] = True

    def on_body(self, body: bytes) -> None:
        if self.index is not None and self.run.bodies:
            self.run.bodies[self.index] += body

    def on_message_complete(self) -> None:
        self._over(self.parser.get_status_code())
        if not self.parser.should_keep_alive():
            self.transport.close()
        elif not self.transport.is_closing():
            self.run.release(self)

    def connection_lost(self, failure: Exception | None) -> None:
        self._over(NO_ANSWER)
        self.run.forget(self)

    def _over(self, status: int) -> None:
        if self.timer:
            self.timer.cancel()
        if self.index is not None:
            self.run.finish(self.index, status)
            self.index = None
        if status == HUNG_UP:
            self.transport.close()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
