"""The short way of an inference through uvicorn's HTTP: no task, no ASGI messages, one write.

uvicorn and ASGI cost more than a batched row of a forest; and at ten times a model's capacity, where nine requests of
ten are refused, refusing would be all the server still does. Only whole, ordinary requests go the short way. Everything
else is uvicorn's, and is answered in the same words.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from bentos.serving.contract import Served, Shed
from bentos.serving.heads import Head, Heads, as_problem
from bentos.serving.hosting import Array, Hosted, Hosting, Outputs
from bentos.serving.inference import Question, answered, understood
from bentos.serving.messages import Reply, lines
from bentos.serving.problems import Headers
from bentos.serving.waiting import Ticket

LOOK_S = 0.001  # long enough for the loop to look for what has come
START, HEAD_END, LONGEST_HEAD = b"POST /v2/models/", b"\r\n\r\n", 8192


class ShortWay:
    """Recognises the bytes of a whole inference; knows none until models are loaded."""

    def __init__(self) -> None:
        self.hosting = Hosting()
        self.heads: Heads | None = None
        self._standing: tuple[Headers, bytes] = ([], b"")

    def open(self, hosting: Hosting, heads: Heads) -> None:
        """From now on inferences may come."""
        self.hosting, self.heads = hosting, heads

    def recognised(self, data: bytes) -> tuple[Head, Hosted, bytes] | None:
        """The head, the model it asks and the body; ``None`` for whatever is not surely one whole inference."""
        if self.heads is None or not data.startswith(START):
            return None
        end = data.find(HEAD_END, 0, LONGEST_HEAD) + len(HEAD_END)
        if end < len(HEAD_END):
            return None
        head = self.heads.read(data[:end])
        if head is None or len(data) != end + head.length:
            return None
        hosted = self.hosting.look(head.model, head.version)
        return (head, hosted, data[end:]) if hosted else None

    def standing(self, headers: Headers) -> bytes:
        """uvicorn's own lines, such as the date, which it makes anew every second."""
        if headers is not self._standing[0]:
            self._standing = (headers, lines(headers))
        return self._standing[1]


SHORT_WAY = ShortWay()  # of this process: uvicorn makes its protocols itself


class HotProtocol(HttpToolsProtocol):
    """uvicorn's, one for each connection, with the short way before its parser."""

    _in_message = False  # of uvicorn's
    _head: Head
    _question: Question
    _ticket: Ticket[Array, Outputs] | None = None  # of the inference in flight
    _held = b""  # what came meanwhile
    _leaving = False
    _last = 0.0  # when an inference was answered

    def data_received(self, data: bytes) -> None:
        """Bytes from a caller."""
        if self._ticket is not None:
            self._held += data
            self.flow.pause_reading()
        elif self._uvicorns_turn() or (recognised := SHORT_WAY.recognised(data)) is None:
            super().data_received(data)
        else:
            self._infer(*recognised, data)

    def _uvicorns_turn(self) -> bool:
        return self._in_message or (self.cycle is not None and not self.cycle.response_complete)

    def _infer(self, head: Head, hosted: Hosted, body: bytes, data: bytes) -> None:
        deadline = time.monotonic() + head.within_s
        self._head = head
        try:
            if hosted.batcher.crowded:
                hosted.batcher.check(deadline)
            question = self._question = understood(hosted, head.headers, body)
            if len(question.rows) > hosted.batcher.limits.batch_rows:
                super().data_received(data)
            else:
                ticket = hosted.enqueue(question.rows, deadline, self._answer)
                self._ticket = None if ticket.over else ticket
        except Exception as failure:
            self._respond(as_problem(failure, head.headers))

    def _answer(self, outcome: Served[Outputs] | Shed) -> None:
        self._ticket = None
        try:
            if isinstance(outcome, Shed):
                raise outcome
            reply = answered(self._question, outcome)
        except Exception as failure:
            reply = as_problem(failure, self._head.headers)
        self._respond(reply)
        if self._held:
            data, self._held = self._held, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _respond(self, reply: Reply) -> None:
        last = b"connection: close\r\n" if self._leaving else b""
        always, more = SHORT_WAY.standing(self.server_state.default_headers), lines(reply.headers)
        self.transport.write(
            b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b%b\r\n%b"
            % (
                STATUS_LINE[reply.status], always, reply.content_type, len(reply.body),
                more, self._head.repeated, last, reply.body,
            )
        )  # fmt: skip
        self.server_state.total_requests += 1
        self._last = time.monotonic()
        if self._leaving:
            self.transport.close()
        elif self.timeout_keep_alive_task is None:
            self._close_after(self.timeout_keep_alive)

    def _close_after(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self, *, looked: bool = False) -> None:
        """Close a quiet connection; one timer serves many inferences, since setting one for each costs more."""
        quiet_s = 0.0 if self._ticket is not None else time.monotonic() - self._last
        if quiet_s < self.timeout_keep_alive:
            self._close_after(self.timeout_keep_alive - quiet_s)
        elif not looked:
            # The loop's timers come before its sockets: what was sent while it was busy is read first.
            once_more = partial(self.timeout_keep_alive_handler, looked=True)
            self.timeout_keep_alive_task = self.loop.call_later(LOOK_S, once_more)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, failure: Exception | None) -> None:
        """The caller has gone, and what he asked leaves the queue."""
        if self._ticket is not None:
            self._question.hosted.batcher.withdraw(self._ticket)
        super().connection_lost(failure)

    def shutdown(self) -> None:
        """The server stops: what is in flight is answered first."""
        if self._ticket is None:
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
        self.flow.resume_reading()

    def on_message_begin(self) -> None:
        """httptools has seen the start of a request."""
        self._in_message = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """httptools has seen its end."""
        self._in_message = False
        super().on_message_complete()


def install() -> None:
    """Let uvicorn's automatic choice of a protocol be ours; it is made when its server starts."""
    from uvicorn import config  # noqa: PLC0415 - a registry of names, read later

    protocols: dict[Any, str] = config.HTTP_PROTOCOLS
    protocols["auto"] = f"{__name__}:{HotProtocol.__name__}"
