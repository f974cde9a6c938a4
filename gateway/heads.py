"""What the head of an inference says to the gateway, and the head that goes on in its place.

Callers keep their connections and send the same head again and again, so that each distinct head is judged once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from gateway.logs import is_request_id
from gateway.messages import HOP_BY_HOP, KEY_HEADERS, Headers, lines
from gateway.rights import offered
from gateway.settings import MAX_DEADLINE_MS

START, HEAD_END, LONGEST = b"POST /v2/models/", b"\r\n\r\n", 8192
SEGMENT = rb"(?!\.\.?/)[\w.-]+"
INFER = re.compile(rb"/v2/models/%b(?:/versions/%b)?/infer" % (SEGMENT, SEGMENT))
LENGTH, DEADLINE, REQUEST_ID = b"content-length", b"x-forewatt-deadline-ms", b"x-request-id"
# A request with one of these is more than a head and so many bytes, or names headers that must not go on.
REPLACED = KEY_HEADERS | {DEADLINE, REQUEST_ID}  # with ours, or with nothing
UNUSUAL = HOP_BY_HOP - {b"connection", LENGTH, b"host"}
KEPT = 1024  # heads; a flood of different ones starts anew


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an ordinary inference; ``outgoing`` is what goes on, up to the request's id, which ends it."""

    path: str
    length: int
    deadline_ms: int
    request_id: bytes | None
    credentials: tuple[bytes, ...]
    outgoing: bytes


class Heads:
    """Reads heads for an inference server whose lines begin with ``host`` and whose paths begin with ``base``."""

    def __init__(self, host: bytes, base: bytes, deadline_ms: int, body_limit: int) -> None:
        self._host, self._base = host, base
        self._deadline_ms, self._body_limit = deadline_ms, body_limit
        self.admits: Callable[[tuple[bytes, ...]], bool] = lambda _: True
        self._known: dict[bytes, Head] = {}

    def find(self, data: bytes) -> tuple[Head, int] | None:
        """The head that ``data`` begins with and where its body begins; ``None`` for all that is not ordinary.

        Nor is an inference whose caller is not known to have a right: the long way finds out, or refuses.
        """
        if not data.startswith(START):
            return None
        end = data.find(HEAD_END, 0, LONGEST) + len(HEAD_END)
        if end < len(HEAD_END):
            return None
        head = self._known.get(data[:end]) or self._read(data[:end])
        return (head, end) if head and self.admits(head.credentials) else None

    def _read(self, data: bytes) -> Head | None:
        said = _Said()
        parser = httptools.HttpRequestParser(said)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or not INFER.fullmatch(said.url):
            return None
        head = self._judged(said)
        if head and head.request_id is None:  # the same id does not come again
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[data] = head
        return head

    def _judged(self, said: _Said) -> Head | None:
        found = dict(said.headers)
        length, deadline = found.get(LENGTH, b""), found.get(DEADLINE, b"%d" % self._deadline_ms)
        request_id = found.get(REQUEST_ID)
        if (
            len(found) != len(said.headers)  # a name that comes twice
            or not UNUSUAL.isdisjoint(found)
            or found.get(b"connection", b"keep-alive").lower() != b"keep-alive"
            or not _whole_number(length, self._body_limit)
            or not _whole_number(deadline, MAX_DEADLINE_MS)
            or not (request_id is None or is_request_id(request_id.decode("latin-1")))
        ):
            return None
        passed = [pair for pair in said.headers if pair[0] not in HOP_BY_HOP | REPLACED]
        ours = [(LENGTH, length), (DEADLINE, deadline)]
        start = b"POST %b%b HTTP/1.1\r\nhost: %b\r\n" % (self._base, said.url, self._host)
        outgoing = start + lines(passed + ours) + REQUEST_ID + b": "
        credentials = tuple(offered(said.headers))
        return Head(said.url.decode(), int(length), int(deadline), request_id, credentials, outgoing)


class _Said:
    """What httptools calls."""

    def __init__(self) -> None:
        self.url, self.headers = b"", Headers()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def _whole_number(text: bytes, most: int) -> bool:
    """From 1 on, and without a sign or zeros before it."""
    return re.fullmatch(rb"[1-9]\d{0,9}", text) is not None and int(text) <= most
