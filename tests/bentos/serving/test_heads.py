"""Which heads go the short way is surely known, and few are remembered."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from inferences import BODY, MILLISECONDS, request

from bentos.serving import heads
from bentos.serving.heads import Heads

READ = Heads(10_000, 1000).read


def test_an_ordinary_head_is_understood():
    head = READ(request(MILLISECONDS % 500)[: -len(BODY)])
    assert head is not None
    assert (head.model, head.version, head.length, head.within_s) == ("forest", None, len(BODY), 0.5)


@pytest.mark.parametrize(
    "data",
    [
        request(b"Transfer-Encoding: chunked\r\n"),
        request(b"Content-Length: 3\r\n"),
        request(b"Content-Length : 3\r\n"),
        request(b"Expect: 100-continue\r\n"),
        request(b"Connection: close\r\n"),
        request(b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
        request(MILLISECONDS % 0),
        request(b"X-Forewatt-Deadline-Ms: soon\r\n"),
        request(b"Content-Type: application/pickle\r\n"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"POST", b"PUT"),
        request().replace(b"Host: x", b"Host: x\nContent-Length: 3"),
        request(path=b"/v2/models/forest/infer?x=1"),
        request(path=b"/v2/models/for%65st/infer"),
        request(path=b"/v2/models/forest/ready"),
        request(body=b"x" * 1001),
        b"\xff" * 100 + b"\r\n\r\n",
    ],
)
def test_every_other_head_goes_the_long_way(data):
    assert READ(data[: data.index(b"\r\n\r\n") + 4]) is None


def test_a_head_that_ends_with_the_requests_id_is_the_one_without_it():
    usual = b"POST /v2/models/load/infer HTTP/1.1\r\ncontent-length: 5\r\n%b\r\n"
    reader = Heads(10_000, 1000)
    for number in range(3):
        head = reader.read(usual % (b"x-request-id: caller-%d\r\n" % number))
        assert (head.length, head.repeated) == (5, b"x-request-id: caller-%d\r\n" % number)
    assert len(reader._known) == 1
    assert reader.read(usual % b"").repeated == b""
    # What else looks like it is read whole: an id twice, one that is no plain word, one inside another line.
    assert reader.read(usual % b"x-request-id: a\r\nx-request-id: b\r\n").repeated == b"x-request-id: b\r\n"
    assert reader.read(usual % b"x-request-id: a b\r\n").repeated == b"x-request-id: a b\r\n"
    assert reader.read(usual % b"note: x-request-id: a\r\n").repeated == b""


def test_only_so_many_heads_are_remembered_and_none_that_will_not_come_again():
    reader = Heads(10_000, 1000)
    for n in range(2 * heads.KEPT):
        reader.read(request(MILLISECONDS % (n + 1))[: -len(BODY)])
        reader.read(request(b"X-Request-Id: %d\r\n" % n)[: -len(BODY)])
    assert len(reader._known) <= heads.KEPT
    assert not any(b"X-Request-Id" in head for head in reader._known)
