"""The inference server's answers as bytes: those of the usual form pass as they are, all others are written anew."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

import httptools

from gateway.messages import OURS, Headers, end_to_end, lines

# The usual form: these lines mean the same to whoever reads the answer in the end, and nothing to this connection.
_LINE = rb"(?:(?:content-type|inference-header-content-length|retry-after|server-timing|traceparent): [\t -~]*\r\n)*"
USUAL = re.compile(
    rb"HTTP/1\.1 (?!204|304)([2-5]\d\d) [\w -]+\r\ndate: [\w:, -]+\r\n"
    + (_LINE + rb"content-length: (\d{1,9})\r\n")
    + (_LINE + rb"x-request-id: ([\w.-]+)\r\n" + _LINE + rb"\r\n")
)
NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class GarbledError(Exception):
    """What came is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whole. ``data`` is what goes back if ``usual``, else the body; after a ``last`` one the line is closed."""

    status: int
    data: bytes
    usual: bool = True
    headers: tuple[tuple[bytes, bytes], ...] = ()
    last: bool = False

    def written(self, standing: Headers, request_id: bytes) -> bytes:
        """The bytes for the caller; ``standing`` are the gateway's own headers, such as the date."""
        if self.usual:
            return self.data
        passed = [(name.lower(), value) for name, value in end_to_end(self.headers) if name.lower() not in OURS]
        length = [] if self.status in NO_BODY else [(b"content-length", b"%d" % len(self.data))]
        return response(self.status, [*standing, *passed, *length, (b"x-request-id", request_id)], self.data)


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer as it stands on a line."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (status, phrase.encode(), lines(headers), body)


class Reading:
    """One answer while it comes."""

    def __init__(self, request_id: bytes) -> None:
        self._request_id = request_id
        self._pieces: list[bytes] = []
        self._missing = 0
        self._unusual: _Unusual | None = None

    @property
    def begun(self) -> bool:
        """Whether anything has come."""
        return bool(self._pieces or self._unusual)

    def feed(self, data: bytes) -> Answer | None:
        """The answer when it is whole. Raises ``GarbledError``."""
        if self._unusual is not None:
            return self._unusual.feed(data)
        if not self._pieces:
            found = USUAL.match(data)
            if found is None or found[3] != self._request_id or found.end() + int(found[2]) < len(data):
                self._unusual = _Unusual()
                return self._unusual.feed(data)
            self._status, self._missing = int(found[1]), found.end() + int(found[2])
        self._missing -= len(data)
        if self._missing < 0:
            raise GarbledError
        if self._missing:
            self._pieces.append(data)
            return None
        return Answer(self._status, b"".join((*self._pieces, data)) if self._pieces else data)

    def end(self) -> Answer | None:
        """The line was closed: that may be how the answer ends."""
        return self._unusual.end() if self._unusual else None


class _Unusual:
    """Any other form: chunks, interim answers, no length at all. httptools reads it and calls."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = Headers(), bytearray()
        self._status, self._whole = 0, False

    def feed(self, data: bytes) -> Answer | None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise GarbledError from None
        return self._answer(last=not self._parser.should_keep_alive()) if self._whole else None

    def end(self) -> Answer | None:
        framed = {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self._headers}
        return self._answer(last=True) if self._status and not framed else None

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._status < 200:  # an interim answer; the real one comes
            self._status, self._headers = 0, []
        else:
            self._whole = True

    def _answer(self, *, last: bool) -> Answer:
        if not 200 <= self._status < 600:
            raise GarbledError
        return Answer(self._status, bytes(self._body), usual=False, headers=tuple(self._headers), last=last)
