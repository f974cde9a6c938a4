"""The gate before HTTP: it refuses in the same words as the server, and lets through whatever it does not know."""

from __future__ import annotations

import json
import time
from typing import Any

import httptools
import pytest

from bentos.serving.contract import Shed
from bentos.serving.protocol import Gate

BODY = b'{"inputs": []}'
HEAD = b"POST /v2/models/forest/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n"


class Crowd:
    """A hosting whose only model takes nothing within half a second."""

    def __init__(self, crowded: bool = True) -> None:
        self.crowded, self.batcher, self.asked = crowded, self, 0

    def look(self, name: str) -> Crowd | None:
        return self if name == "forest" else None

    def check(self, deadline: float) -> None:
        self.asked += 1
        if deadline < time.monotonic() + 0.6:
            raise Shed("deadline", 1.2)


def request(more: bytes = b"X-Forewatt-Deadline-Ms: 500\r\n", body: bytes = BODY) -> bytes:
    return HEAD % (len(body), more) + body


def gate(crowded: bool = True) -> Gate:
    made = Gate()
    made.hosting = Crowd(crowded)  # type: ignore[assignment]
    return made


class Response:
    """What a client's parser makes of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[str, str] = {}
        self.body, self.complete = b"", False
        self.parser = httptools.HttpResponseParser(self)
        self.parser.feed_data(data)
        self.status = self.parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete, self.keeps_alive = True, self.parser.should_keep_alive()


def test_a_refusal_is_a_whole_problem_with_retry_after_and_keeps_the_connection():
    refusal = gate().refusal(request())
    assert refusal is not None
    found = Response(refusal)
    assert (found.status, found.complete, found.keeps_alive) == (503, True, True)
    assert found.headers["retry-after"] == "2"
    assert found.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = json.loads(found.body)
    assert (said["status"], said["code"], said["error"]) == (503, "deadline", said["detail"])


@pytest.mark.parametrize(
    "data",
    [
        request(b"X-Forewatt-Deadline-Ms: 5000\r\n"),  # may be admitted
        request(b""),  # the default of ten seconds too
        request(b"X-Forewatt-Deadline-Ms: soon\r\n"),  # a mistake is told in words
        request(b"X-Forewatt-Deadline-Ms: 0\r\n"),
        request(b"X-Forewatt-Deadline-Ms: 500\r\nTraceparent: 00-1-1-01\r\n"),
        request(b"X-Forewatt-Deadline-Ms: 500\r\nConnection: close\r\n"),
        request()[:-1],  # a part of it
        request() + request(),  # more than one
        request().replace(b"forest", b"nobody"),
        request().replace(b"POST", b"GET "),
        request().replace(b"/infer", b"/ready"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"",
        b"\xff" * 100,
    ],
)
def test_everything_else_goes_the_long_way(data):
    assert gate().refusal(data) is None


def test_without_a_crowd_nobody_is_looked_at():
    calm = gate(crowded=False)
    assert calm.refusal(request()) is None
    assert calm.hosting.asked == 0


def test_a_process_without_models_lets_everything_through():
    assert Gate().refusal(request()) is None
