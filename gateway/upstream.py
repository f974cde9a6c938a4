"""Lines to the inference server that are kept open: each carries one exchange at a time, who finds none waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.answers import Answer, GarbledError, Reading

KEEP_ALIVE_S = 4.0  # the server lets go of an idle line after 5: ours must be first
CONNECT_S = 5.0
GARBLED, UNREACHABLE = "garbled", "unreachable"

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[Any]]


class Exchange:
    """A question on its way; ``done`` hears the answer, or how it failed."""

    __slots__ = ("data", "done", "line", "over", "repeated", "request_id")

    def __init__(self, data: bytes, request_id: bytes, done: Callable[[Answer | str], None]) -> None:
        self.data, self.request_id, self.done = data, request_id, done
        self.line: _Line | None = None
        self.over = self.repeated = False

    def finish(self, outcome: Answer | str) -> None:
        """Tell whoever waits."""
        self.over, self.line = True, None
        self.done(outcome)


class Lines:
    """At most so many lines, which ``connect`` opens."""

    def __init__(self, connect: Connect, most: int) -> None:
        self._connect, self._most = connect, most
        self._idle: list[_Line] = []
        self._all: set[_Line] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[Exchange] = deque()

    def ask(self, exchange: Exchange) -> None:
        """Send it now, or when a line is free."""
        now = time.monotonic()
        while self._idle:
            line = self._idle.pop()
            if not line.transport.is_closing() and now - line.free_since < KEEP_ALIVE_S:
                line.send(exchange)
                return
            line.transport.close()
        self._waiting.append(exchange)
        self._open_one_more()

    def ask_again(self, exchange: Exchange) -> None:
        """On a line of its own, since those that are open may be just as dead."""
        exchange.line, exchange.repeated = None, True
        self._open(exchange)

    def withdraw(self, exchange: Exchange) -> None:
        """Nobody waits for it any more: its line is closed, which tells the inference server."""
        exchange.over, exchange.data = True, b""
        if exchange.line is not None:
            exchange.line.give_up()

    def release(self, line: _Line) -> None:
        """The line is free: for whoever waits longest, else for the next."""
        while self._waiting:
            exchange = self._waiting.popleft()
            if not exchange.over:
                line.send(exchange)
                return
        line.free_since = time.monotonic()
        self._idle.append(line)

    def made(self, line: _Line) -> None:
        """A line is open."""
        self._all.add(line)

    def lost(self, line: _Line) -> None:
        """A line is gone; who waits gets another."""
        self._all.discard(line)
        if line in self._idle:
            self._idle.remove(line)
        if self._waiting:
            self._open_one_more()

    def close(self) -> None:
        """The end: whatever is still under way fails."""
        for task in self._opening:
            task.cancel()
        for line in list(self._all):
            line.transport.abort()

    def _open_one_more(self) -> None:
        if len(self._all) + len(self._opening) < self._most:
            self._open(None)

    def _open(self, first: Exchange | None) -> None:
        task = asyncio.get_running_loop().create_task(self._opened(first))
        self._opening.add(task)
        task.add_done_callback(self._attempted)

    def _attempted(self, task: asyncio.Task[None]) -> None:
        """While it opened, a line counted twice: who asked then may have thought that there were lines enough."""
        self._opening.discard(task)
        if self._waiting and not task.cancelled():
            self._open_one_more()

    async def _opened(self, first: Exchange | None) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connect(lambda: _Line(self, first))
        except OSError:  # a timeout is one too
            self._refused(first)

    def _refused(self, first: Exchange | None) -> None:
        while first is None and self._waiting:
            candidate = self._waiting.popleft()
            first = None if candidate.over else candidate
        if first is not None and not first.over:
            first.finish(UNREACHABLE)


class _Line(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, lines: Lines, first: Exchange | None) -> None:
        self._lines, self._first = lines, first
        self._exchange: Exchange | None = None
        self._reading: Reading
        self._used = False
        self.free_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport is one that writes
        self._lines.made(self)
        first, self._first = self._first, None
        if first is None or first.over:
            self._lines.release(self)
        else:
            self.send(first)

    def send(self, exchange: Exchange) -> None:
        self._exchange, exchange.line = exchange, self
        self._reading = Reading(exchange.request_id)
        self.transport.write(exchange.data)

    def give_up(self) -> None:
        self._exchange = None
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:  # nobody asked
            self.transport.abort()
            return
        try:
            answer = self._reading.feed(data)
        except GarbledError:
            self.give_up()
            exchange.finish(GARBLED)
            return
        if answer is not None:
            self._exchange, self._used = None, True
            if answer.last:
                self.transport.close()
            else:
                self._lines.release(self)
            exchange.finish(answer)

    def connection_lost(self, failure: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        self._lines.lost(self)
        if exchange is None:
            return
        if self._used and not self._reading.begun and not exchange.repeated:
            # It had been idle, and was closed as we wrote. An inference changes nothing, so that it can be repeated.
            self._lines.ask_again(exchange)
            return
        try:
            exchange.finish(self._reading.end() or UNREACHABLE)
        except GarbledError:
            exchange.finish(GARBLED)
