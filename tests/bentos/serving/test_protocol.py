"""The short way answers as the long one does, in order, and lets go of whoever has gone."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.server import ServerState

sys.path.insert(0, str(Path(__file__).parent))
from calls import told
from forest import FEATURES, Forest, Running, serving
from inferences import MILLISECONDS, TENSOR, request

from bentos.serving import protocol
from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits
from bentos.serving.cost import Cost
from bentos.serving.heads import Heads
from bentos.serving.hosting import Hosted, Hosting


class Response:
    """What a client's parser makes of the bytes, response by response."""

    def __init__(self) -> None:
        self.found: list[tuple[int, dict[str, str], Any]] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.found.append((self.parser.get_status_code(), self.headers, json.loads(self.body)))
        self.headers, self.body = {}, b""


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serving() as found:
        yield found


def ask(running: Running, *parts: bytes, answers: int = 1) -> list[tuple[int, dict[str, str], Any]]:
    host, port = running.address.split(":")
    said = Response()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        while len(said.found) < answers:
            received = connection.recv(65536)
            if not received:
                raise ConnectionResetError
            said.parser.feed_data(received)
    return said.found


def test_whole_requests_go_the_short_way(running, monkeypatch):
    taken = []
    monkeypatch.setattr(protocol.HotProtocol, "_infer", lambda self, *_: taken.append(1) or self.transport.close())
    with pytest.raises(ConnectionResetError):
        ask(running, request())
    assert taken == [1]


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request(b"X-Request-Id: 7\r\nTraceparent: 00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\r\n"),
        request(path=b"/v2/models/forest/versions/1/infer"),
        request(body=json.dumps({"id": "a", "inputs": [TENSOR], "outputs": [{"name": "doubled"}]}).encode()),
        request(body=json.dumps({"inputs": [TENSOR | {"data": [1, 2, 3, 4]}]}).encode()),
        request(body=json.dumps({"inputs": [TENSOR | {"shape": [1, 3], "data": [1.0, 2.0, 3.0]}]}).encode()),
        request(body=json.dumps({"inputs": [TENSOR | {"data": ["1.5"] * FEATURES}]}).encode()),
        request(body=json.dumps({"inputs": [TENSOR | {"data": [666.0] * FEATURES}]}).encode()),
        request(body=json.dumps({"inputs": [TENSOR | {"shape": [70, FEATURES], "data": [1.0] * 280}]}).encode()),
        request(body=b"{"),
        request(body=b"[1]"),
        request(b"Content-Type: text/plain\r\n"),
        request(MILLISECONDS % 0),
        request(path=b"/v2/models/nobody/infer"),
    ],
)
def test_the_short_way_says_what_the_long_one_says(running, data):
    ((status, headers, body),) = ask(running, data)
    ((long_status, long_headers, long_body),) = ask(running, data[:20], data[20:])
    assert status == long_status
    assert headers.keys() == long_headers.keys()
    changing = {"trace_id"} if "traceparent" not in headers else set()
    assert {k: v for k, v in body.items() if k not in changing} == {
        k: v for k, v in long_body.items() if k not in changing
    }
    for name in ("content-type", "x-request-id", "traceparent"):
        assert headers.get(name) == long_headers.get(name)


def test_requests_of_one_connection_are_answered_in_their_order(running):
    asked = [request(body=json.dumps({"id": str(n), "inputs": [TENSOR]}).encode()) for n in range(6)]
    found = ask(running, asked[0], asked[1] + asked[2][:30], asked[2][30:], asked[3] + asked[4], asked[5], answers=6)
    assert [body["id"] for _, _, body in found] == [str(n) for n in range(6)]


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.said, self.open, self.reading = Response(), True, True

    def write(self, data: bytes) -> None:
        assert self.open
        self.said.parser.feed_data(data)

    def close(self) -> None:
        self.open = False

    def is_closing(self) -> bool:
        return not self.open

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Bench:
    """Connections to a model that answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, batch_rows: int = 64, row_s: float = 0.001) -> None:
        self.go, self.computed = asyncio.Event(), list[int]()
        limits = Limits(batch_rows=batch_rows, safety_s=0.0)
        batcher: Batcher[Any, Any] = Batcher(
            told(self._predict), Cost(tuple(row_s * rows for rows in range(65))), limits
        )
        model = Forest("1")
        hosting = Hosting(limits)
        hosting._hosted = {"forest": {"1": Hosted(model, batcher, dict(enumerate(model.outputs)))}}
        hosting._current = {"forest": "1"}
        self.batcher = batcher
        monkeypatch.setattr(protocol, "SHORT_WAY", way := protocol.ShortWay())
        way.open(hosting, Heads(10_000, 1000))
        self.config = uvicorn.Config(self._nobody, lifespan="off")
        self.config.load()

    def connect(self) -> tuple[protocol.HotProtocol, Wire]:
        made, wire = protocol.HotProtocol(self.config, ServerState(), {}), Wire()
        made.connection_made(wire)  # type: ignore[arg-type]
        return made, wire

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def _predict(self, rows: Sequence[Any]) -> list[Any]:
        await self.go.wait()
        self.computed.append(len(rows))
        return [(1.0, 2.0)] * len(rows)

    async def _nobody(self, scope: object, receive: object, send: object) -> None:
        raise AssertionError("this is the long way")


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_what_comes_while_one_is_in_flight_waits_unread_and_is_answered_next(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch)
        connection, wire = bench.connect()
        connection.data_received(request())
        connection.data_received(request())
        assert not wire.reading
        bench.go.set()
        await bench.settle()
        assert wire.reading
        assert [status for status, _, _ in wire.said.found] == [200, 200]

    run(story())


def test_who_hangs_up_leaves_the_queue(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch)
        (first, _), (second, wire) = bench.connect(), bench.connect()
        first.data_received(request())
        await bench.settle()
        second.data_received(request())
        assert bench.batcher.waiting_rows == 1
        wire.close()
        second.connection_lost(None)
        assert bench.batcher.waiting_rows == 0
        bench.go.set()
        await bench.settle()
        assert bench.computed == [1]

    run(story())


def test_a_stopping_server_answers_what_is_in_flight_and_closes(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch)
        (busy, wire), (idle, quiet) = bench.connect(), bench.connect()
        busy.data_received(request())
        for connection in (busy, idle):
            connection.shutdown()
        assert (wire.open, quiet.open) == (True, False)
        bench.go.set()
        await bench.settle()
        ((status, headers, _),) = wire.said.found
        assert (status, headers["connection"], wire.open) == (200, "close", False)

    run(story())


def test_a_quiet_connection_is_closed_and_a_busy_one_is_not(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch)
        bench.config.timeout_keep_alive = 0.05
        (quiet, closed), (busy, wire) = bench.connect(), bench.connect()
        bench.go.set()
        for connection in (quiet, busy):
            connection.data_received(request())
        await bench.settle()
        bench.go.clear()
        busy.data_received(request())
        await asyncio.sleep(0.12)
        assert (closed.open, wire.open) == (False, True)
        bench.go.set()
        await bench.settle()

    run(story())


def test_a_question_that_came_while_the_loop_was_busy_is_answered_before_its_connection_is_closed(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch)
        bench.config.timeout_keep_alive = 0.05
        connection, wire = bench.connect()
        bench.go.set()
        connection.data_received(request())
        await bench.settle()
        time.sleep(0.1)  # the loop is busy, and a question lies unread: its timers come first
        for _ in range(2):
            await asyncio.sleep(0)
        connection.data_received(request())
        await bench.settle()
        await asyncio.sleep(0.01)
        assert wire.open
        assert len(wire.said.found) == 2
        await asyncio.sleep(0.1)
        assert not wire.open

    run(story())


def test_a_crowd_is_refused_in_words_and_keeps_its_connections(monkeypatch):
    async def story() -> None:
        bench = Bench(monkeypatch, batch_rows=2, row_s=0.2)
        asked = [bench.connect() for _ in range(9)]
        for connection, _ in asked:
            connection.data_received(request(MILLISECONDS % 500))
            await bench.settle()
        refused = [wire for _, wire in asked if wire.said.found]
        assert len(refused) >= 3
        for wire in refused:
            ((status, headers, said),) = wire.said.found
            assert (status, said["code"], said["error"]) == (503, "deadline", said["detail"])
            assert int(headers["retry-after"]) >= 1
            assert wire.open
        bench.go.set()
        await bench.settle()

    run(story())


@pytest.mark.parametrize("broken", ["understood", "answered"])
def test_what_nobody_expected_is_500_and_the_connection_lives(monkeypatch, broken, caplog):
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    async def story() -> None:
        bench = Bench(monkeypatch)
        bench.go.set()
        connection, wire = bench.connect()
        with monkeypatch.context() as while_broken:
            while_broken.setattr(protocol, broken, fail)
            connection.data_received(request())
            await bench.settle()
        connection.data_received(request())
        await bench.settle()
        assert [status for status, _, _ in wire.said.found] == [500, 200]
        assert "a mistake of ours" in caplog.text

    run(story())
