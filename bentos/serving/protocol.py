"""Refusing an inference before HTTP is parsed: under overload a refusal must cost a fraction of an answer.

At ten times a model's capacity nine requests of ten are refused. If each costs what uvicorn and ASGI cost, refusing is
all the server still does, and what it has accepted comes too late. Only whole, ordinary requests are looked at here;
everything else, and everything that may be admitted, goes uvicorn's way and is judged again.
"""

from __future__ import annotations

import time
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bentos.serving.contract import Shed
from bentos.serving.hosting import Hosting
from bentos.serving.messages import PROBLEM
from bentos.serving.problems import Refused, from_shed, new_trace_id

START, END = b"POST /v2/models/", b"/infer HTTP/1.1\r\n"
LENGTH, DEADLINE = b"\r\ncontent-length: ", b"\r\nx-forewatt-deadline-ms: "
HEAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b: %b\r\n\r\n%b"
# What a plain refusal would leave out; such a request takes the long way.
UNUSUAL = (
    b"\r\ntraceparent:",
    b"\r\nx-request-id:",
    b"\r\nconnection: close",
    b"\r\nexpect:",
    b"\r\ntransfer-encoding:",
)


class Gate:
    """Says of the bytes of a request whether it is refused, and with which bytes."""

    def __init__(self) -> None:
        self.hosting: Hosting | None = None
        self.default_deadline_s = 10.0

    def refusal(self, data: bytes) -> bytes | None:
        """``None`` for whatever is not surely one whole inference that cannot be admitted."""
        if self.hosting is None or not self.hosting.crowded or not data.startswith(START):
            return None
        line = data.find(b"\r\n") + 2
        head_end = data.find(b"\r\n\r\n")
        if not data.endswith(END, 0, line) or head_end < 0:
            return None
        head = data[:head_end].lower() + b"\r\n"
        length, deadline = _number(head, LENGTH), _number(head, DEADLINE)
        if length is None or len(data) != head_end + 4 + length or any(word in head for word in UNUSUAL):
            return None
        hosted = self.hosting.look(data[len(START) : line - len(END)].decode("latin-1"))
        if hosted is None or deadline == 0:
            return None
        within = self.default_deadline_s if deadline is None else deadline / 1000
        try:
            hosted.batcher.check(time.monotonic() + within)
        except Shed as shed:
            return _written(from_shed(shed))
        return None


GATE = Gate()  # of this process: uvicorn makes its protocols itself


class GatedProtocol(HttpToolsProtocol):
    """uvicorn's, with the gate before its parser."""

    _in_message = False

    def data_received(self, data: bytes) -> None:
        """Bytes from a caller."""
        waiting = self.cycle is not None and not self.cycle.response_complete
        if not self._in_message and not waiting and (refusal := GATE.refusal(data)) is not None:
            self.transport.write(refusal)
            return
        super().data_received(data)

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
    protocols["auto"] = f"{__name__}:{GatedProtocol.__name__}"


def _number(head: bytes, name: bytes) -> int | None:
    first = head.find(name)
    if first < 0:
        return None
    digits = head[first + len(name) : head.find(b"\r\n", first + 2)].strip()
    return int(digits) if digits.isdigit() and len(digits) < 10 else 0


def _written(refused: Refused) -> bytes:
    body = refused.body(new_trace_id())
    name, value = refused.headers[0]
    return HEAD % (PROBLEM, len(body), name, value, body)
