"""The short way of an inference through the gateway: bytes in, bytes on, bytes back; no task and no ASGI message.

uvicorn, ASGI and an HTTP client cost many times what a forest's row costs. Only whole, ordinary inferences go the short
way. Everything else is uvicorn's, and is answered in the same words.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway import inference
from gateway.answers import Answer, response
from gateway.errors import Problem
from gateway.heads import Head, Heads
from gateway.logs import note
from gateway.metrics import INFERENCE_SECONDS
from gateway.rights import Rights
from gateway.settings import Settings
from gateway.upstream import GARBLED, Connect, Exchange, Lines

ROUTE = "/v2/models/{path:path}"
STATE = "short_way"  # of the application, for each connection
LOOK_S = 0.001  # The loop's timers come before its sockets: what was sent while it was busy is read first.
HUNG_UP = 499  # in log and metrics; nobody is there to read it


class ShortWay:
    """What the connections of one gateway share."""

    def __init__(self, settings: Settings, rights: Rights) -> None:
        url = settings.inference_url
        self.open = url.scheme == "http"
        host, port = url.host or "", url.port or 80
        named = host if port == 80 else f"{host}:{port}"
        base = (url.path or "").rstrip("/")
        self.heads = Heads(named.encode(), base.encode(), settings.deadline_ms, settings.body_limit_bytes)
        self.heads.admits = rights.admits
        self.lines = Lines(_connect(settings.socket, host.strip("[]"), port), settings.pool_size)
        self.closing = asyncio.Event()  # the gateway stops: what would go on for ever is to end


def _connect(socket: str | None, host: str, port: int) -> Connect:
    loop = asyncio.get_running_loop()
    if socket is not None:
        return lambda line: loop.create_unix_connection(line, socket)
    return lambda line: loop.create_connection(line, host, port)


@asynccontextmanager
async def opened(settings: Settings, rights: Rights) -> AsyncIterator[ShortWay]:
    """For as long as the gateway runs."""
    way = ShortWay(settings, rights)
    try:
        yield way
    finally:
        way.lines.close()


class ShortProtocol(HttpToolsProtocol):
    """uvicorn's, one for each caller's connection, with the short way before its parser."""

    _in_message = False  # of uvicorn's
    _ours = False  # the last request went the short way
    _exchange: Exchange | None = None
    _head: Head
    _request_id = b""
    _began = _deadline = _last = 0.0
    _pieces: list[bytes]  # of a request whose body is still coming
    _missing = 0
    _held = b""  # what came meanwhile
    _leaving = False
    _timer: asyncio.TimerHandle | None = None
    _rings_at = 0.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._way: ShortWay = app_state[STATE]

    def data_received(self, data: bytes) -> None:
        """Bytes from the caller."""
        if self._exchange is not None:
            self._held += data
            self.flow.pause_reading()
        elif self._missing:
            self._gather(data)
        elif self._uvicorns_turn() or not self._way.open or (found := self._way.heads.find(data)) is None:
            self._ours = False
            super().data_received(data)
        else:
            self._head, begins = found
            self._begin(data, begins)

    def _uvicorns_turn(self) -> bool:
        return self._in_message or (self.cycle is not None and not self.cycle.response_complete)

    def _begin(self, data: bytes, begins: int) -> None:
        self._began = time.monotonic()
        self._missing = begins + self._head.length - len(data)
        self._body_begins, self._pieces = begins, []
        if self._missing > 0:
            self._unset_keepalive_if_required()
            self._pieces.append(data)
        else:
            self._whole(data)

    def _gather(self, data: bytes) -> None:
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing <= 0:
            self._whole(b"".join(self._pieces))

    def _whole(self, data: bytes) -> None:
        self._pieces = []
        if self._missing < 0:  # the next request has begun too
            self._missing, self._ours = 0, False
            super().data_received(data)
            if self._leaving:
                super().shutdown()
            return
        self._ours = True
        self._unset_keepalive_if_required()
        self._ask(data[self._body_begins :])

    def _ask(self, body: bytes) -> None:
        head = self._head
        request_id = self._request_id = head.request_id or os.urandom(16).hex().encode()
        data = b"%b%b\r\n\r\n%b" % (head.outgoing, request_id, body)
        self._exchange = Exchange(data, request_id, self._done)
        self._asked = time.monotonic()
        self._deadline = self._asked + head.deadline_ms / 1000
        self._watch(self._deadline)
        self._way.lines.ask(self._exchange)

    def _done(self, outcome: Answer | str) -> None:
        self._exchange = None
        if isinstance(outcome, Answer):
            self._count_hop("answered")
            self._respond(outcome.status, outcome.written(self.server_state.default_headers, self._request_id))
        else:
            self._count_hop(outcome)
            self._refuse(inference.garbled() if outcome == GARBLED else inference.unavailable())

    def _count_hop(self, outcome: str) -> None:
        INFERENCE_SECONDS.observe((outcome,), time.monotonic() - self._asked)

    def _refuse(self, problem: Problem) -> None:
        said = problem.response(self._head.path, self._request_id.decode())
        headers = [*self.server_state.default_headers, *said.raw_headers, (b"x-request-id", self._request_id)]
        self._respond(said.status_code, response(said.status_code, headers, bytes(said.body)))

    def _respond(self, status: int, data: bytes) -> None:
        if self._leaving:
            data = data.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        self.transport.write(data)
        self._note(status)
        self.server_state.total_requests += 1
        if self._leaving:
            self.transport.close()
            return
        self._watch(self._last + self.timeout_keep_alive)
        if self._held:
            held, self._held = self._held, b""
            if not self.flow.write_paused:
                self.flow.resume_reading()
            self.data_received(held)

    def _note(self, status: int) -> None:
        self._last = time.monotonic()
        note(self._request_id.decode(), "POST", ROUTE, status, self._last - self._began)

    def _watch(self, at: float) -> None:
        """One timer serves many inferences, since setting one for each costs more."""
        if self._timer is None or at < self._rings_at:
            self._forget_timer()
            self._rings_at = at
            self._timer = self.loop.call_later(at - time.monotonic(), self._ring)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self, *, looked: bool = False) -> None:
        self._timer = None
        quiet_until = self._last + self.timeout_keep_alive
        if self._exchange is not None:
            if time.monotonic() < self._deadline:
                self._watch(self._deadline)
            else:
                self._give_up("late")
                self._refuse(inference.late(self._head.deadline_ms))
        elif self._ours and not self._missing:
            if time.monotonic() < quiet_until:
                self._watch(quiet_until)
            elif self.transport.get_write_buffer_size():  # he is still reading
                self._watch(time.monotonic() + self.timeout_keep_alive)
            elif not looked:
                self._rings_at = time.monotonic() + LOOK_S
                self._timer = self.loop.call_later(LOOK_S, partial(self._ring, looked=True))
            else:
                self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Of a connection whose last request was uvicorn's; what comes meanwhile ends this timer."""
        self.timeout_keep_alive_task = self.loop.call_later(LOOK_S, super().timeout_keep_alive_handler)

    def _give_up(self, outcome: str) -> None:
        if self._exchange is not None:
            self._way.lines.withdraw(self._exchange)
            self._exchange = None
            self._count_hop(outcome)

    def connection_lost(self, failure: Exception | None) -> None:
        """The caller has gone, and nobody needs to answer him."""
        self._forget_timer()
        if self._exchange is not None:
            self._give_up("abandoned")
            self._note(HUNG_UP)
        super().connection_lost(failure)

    def shutdown(self) -> None:
        """The gateway stops: what is in flight is answered first."""
        self._way.closing.set()
        if self._exchange is None and not self._missing:
            super().shutdown()
        else:
            self._leaving = True

    def pause_writing(self) -> None:
        """Who does not read his answers is not read either."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """He has read them."""
        super().resume_writing()
        if self._exchange is None:
            self.flow.resume_reading()

    def on_message_begin(self) -> None:
        """uvicorn's parser has seen the start of a request."""
        self._in_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It has seen the end."""
        self._in_message = False
        super().on_message_complete()
