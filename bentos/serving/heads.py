"""What the head of a request says to us: how long it may take, what its body is, and what an answer repeats.

Callers keep their connections and send the same head again and again, so that each distinct head is parsed once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import httptools

from bentos.serving.messages import JSON, OCTETS, PROBLEM, Reply, lines
from bentos.serving.problems import Headers, Refused, new_trace_id, refusal

DEADLINE, REQUEST_ID, TRACE = b"x-forewatt-deadline-ms", b"x-request-id", b"traceparent"
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
MAX_DEADLINE_MS = 60_000

INFER = re.compile(rb"/v2/models/([\w.-]+)(?:/versions/([\w.-]+))?/infer")
# What makes a request more than a head and so many bytes.
UNUSUAL = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
LAST_LINE = re.compile(rb"\r\nx-request-id: [\w.-]{1,128}\r\n\r\n")
LONGEST_ID = 160
KEPT = 1024  # heads; a flood of different ones starts anew


def deadline_s(headers: dict[bytes, bytes], default_ms: int) -> float:
    """Seconds that the caller allows. Raises ``Refused`` 400."""
    said = headers.get(DEADLINE)
    if said is None:
        return default_ms / 1000
    if not said.isdigit() or not 1 <= int(said[:9]) <= MAX_DEADLINE_MS:
        raise Refused(
            400, "bad_deadline", f"X-Forewatt-Deadline-Ms must be a whole number from 1 to {MAX_DEADLINE_MS}."
        )
    return int(said) / 1000


def check_type(headers: dict[bytes, bytes]) -> None:
    """Raises ``Refused`` 415 for anything but JSON and raw tensors."""
    kind = headers.get(b"content-type", JSON).partition(b";")[0].strip().lower()
    if kind not in (JSON, OCTETS):
        raise Refused(415, "wrong_type", "Send application/json, or application/octet-stream for binary tensors.")


def trace_id(headers: dict[bytes, bytes]) -> str:
    """The caller's (W3C Trace Context), or a new one."""
    said = headers.get(TRACE)
    given = TRACEPARENT.fullmatch(said) if said else None
    return given[1].decode() if given else new_trace_id()


def as_problem(failure: Exception, headers: dict[bytes, bytes]) -> Reply:
    """The document that answers such a request, whatever went wrong."""
    refused = refusal(failure)
    return Reply(refused.status, refused.body(trace_id(headers)), PROBLEM, refused.headers)


def repeated(headers: dict[bytes, bytes]) -> Headers:
    """What an answer repeats, so that a caller can tell whose it is."""
    return [(name, headers[name][:128]) for name in (REQUEST_ID, TRACE) if name in headers]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an ordinary inference; ``length`` is its body's, ``repeated`` the lines that its answer repeats."""

    model: str
    version: str | None
    length: int
    within_s: float
    headers: dict[bytes, bytes]
    repeated: bytes


class Heads:
    """Reads heads, and remembers them as far as they will come again."""

    def __init__(self, deadline_ms: int, body_limit: int) -> None:
        self._deadline_ms, self._body_limit = deadline_ms, body_limit
        self._known: dict[bytes, Head | None] = {}

    def read(self, data: bytes) -> Head | None:
        """``None`` for all that is no ordinary inference, or must be refused in words."""
        if data in self._known:
            return self._known[data]
        head = self._known_but_for_its_id(data) or self._parsed(data)
        if head is None or not head.repeated:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[data] = head
        return head

    def _known_but_for_its_id(self, data: bytes) -> Head | None:
        """A gateway writes the request's id in the last line: what stands before it comes again and again."""
        line = data.rfind(b"x-request-id: ", max(len(data) - LONGEST_ID, 0))
        if line < 2 or not LAST_LINE.fullmatch(data, line - 2):
            return None
        usual = data[:line] + b"\r\n"
        head = self._known[usual] if usual in self._known else self.read(usual)
        if head is None or head.repeated:
            return None
        return Head(head.model, head.version, head.length, head.within_s, head.headers, data[line:-2])

    def _parsed(self, data: bytes) -> Head | None:
        said = _Said()
        parser = httptools.HttpRequestParser(said)
        try:
            parser.feed_data(data)
            found = INFER.fullmatch(said.url)
            length = said.headers.get(b"content-length", b"")
            if (
                found is None
                or not length.isdigit()
                or not 0 < int(length) <= self._body_limit
                or parser.get_method() != b"POST"
                or parser.get_http_version() != "1.1"
                or not parser.should_keep_alive()
                or not UNUSUAL.isdisjoint(said.headers)
            ):
                return None
            check_type(said.headers)
            within_s = deadline_s(said.headers, self._deadline_ms)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, Refused):
            return None
        version = found[2].decode() if found[2] else None
        return Head(found[1].decode(), version, int(length), within_s, said.headers, lines(repeated(said.headers)))


class _Said:
    """What httptools calls."""

    def __init__(self) -> None:
        self.url, self.headers = b"", dict[bytes, bytes]()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value
