"""Which heads go the gateway's short way is surely known, and few are remembered."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scripted import PATH, request

from gateway import heads
from gateway.heads import Heads

READER = Heads(b"inner:3000", b"", 10_000, 1000)


def read(data: bytes) -> heads.Head | None:
    found = READER.find(data)
    return found[0] if found else None


def test_an_ordinary_head_is_understood():
    head = read(request(b"X-Forewatt-Deadline-Ms: 500\r\nX-Request-Id: 7\r\nConnection: Keep-Alive\r\n"))
    assert (head.path, head.length, head.deadline_ms, head.request_id) == (PATH, 2, 500, b"7")
    assert head.outgoing == (
        b"POST /v2/models/load/infer HTTP/1.1\r\nhost: inner:3000\r\n"
        b"content-length: 2\r\nx-forewatt-deadline-ms: 500\r\nx-request-id: "
    )


@pytest.mark.parametrize(
    "data",
    [
        request(b"Transfer-Encoding: chunked\r\n"),
        request(b"Content-Length: 3\r\n"),
        request(b"Content-Length: 2\r\n"),
        request(b"Content-Length : 3\r\n"),
        request(b"Expect: 100-continue\r\n"),
        request(b"Connection: close\r\n"),
        request(b"Connection: x-secret\r\nX-Secret: 1\r\n"),
        request(b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
        request(b"TE: trailers\r\n"),
        request(b"X-Forewatt-Deadline-Ms: 0\r\n"),
        request(b"X-Forewatt-Deadline-Ms: 60001\r\n"),
        request(b"X-Forewatt-Deadline-Ms: 1_0\r\n"),
        request(b"X-Forewatt-Deadline-Ms: soon\r\n"),
        request(b"X-Request-ID: a b\r\n"),
        request(b"X-Request-ID: a\r\nX-Request-ID: b\r\n"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"POST", b"PUT"),
        request().replace(b"Host: x", b"Host: x\nContent-Length: 3"),
        request().replace(b"Host: x", b"Host: x\r\n folded"),
        request(path=b"/v2/models/load/infer?x=1"),
        request(path=b"/v2/models/lo%61d/infer"),
        request(path=b"/v2/models/../infer"),
        request(path=b"/v2/models/./infer"),
        request(path=b"/v2/models/load/versions/../infer"),
        request(path=b"/v2/models/load/ready"),
        request(body=b"x" * 1001),
        request(body=b""),
        request(b"X: %b\r\n" % (b"x" * heads.LONGEST)),
        b"\xff" * 100 + b"\r\n\r\n",
    ],
)
def test_every_other_head_goes_the_long_way(data):
    assert read(data) is None


def test_only_so_many_heads_are_remembered_and_none_that_will_not_come_again():
    for n in range(2 * heads.KEPT):
        assert read(request(b"X: %d\r\n" % n))
        assert read(request(b"X-Request-Id: %d\r\n" % n))
    assert len(READER._known) <= heads.KEPT
    assert not any(b"X-Request-Id" in head for head in READER._known)
