"""The short way answers as the long one does, keeps the deadline, and lets go of whoever has gone."""

import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httptools
import httpx
import pytest
from prometheus_client import generate_latest

sys.path.insert(0, str(Path(__file__).parent))
from scripted import CLOSE, PATH, request, scripted, usual

from gateway import shortway
from gateway.settings import Settings

LONG = {"TE": "trailers"}  # harmless, and not ordinary
CHANGING = ("date", "x-request-id", "content-length")


class Response:
    """What a client's parser makes of the bytes, response by response."""

    def __init__(self) -> None:
        self.found: list[tuple[int, dict[str, str], bytes]] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.parser = httptools.HttpResponseParser(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.found.append((self.parser.get_status_code(), self.headers, self.body))
        self.headers, self.body = {}, b""


def ask(client: httpx.Client, *parts: bytes, answers: int = 1):
    """Written by hand; the answers."""
    address, said = urlsplit(str(client.base_url)), Response()
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02 if len(parts) > 1 else 0)
        while len(said.found) < answers and (received := connection.recv(65536)):
            said.parser.feed_data(received)
    return said.found


@pytest.fixture
def taken(monkeypatch) -> list[bytes]:
    """The bodies that go the short way."""
    bodies, really = [], shortway.ShortProtocol._ask
    monkeypatch.setattr(
        shortway.ShortProtocol, "_ask", lambda self, body: bodies.append(bytes(body)) or really(self, body)
    )
    return bodies


@pytest.fixture
def gateway(gateway):
    """Knows whom it admits, as after the first inference."""
    assert gateway.get("/auth").status_code == 204
    return gateway


@pytest.fixture
def gateway_of(run_gateway, tmp_path):
    """A gateway for everybody before a scripted inference server; gives both."""

    @contextmanager
    def run(says=lambda _: [usual(b"{}")], **knobs):
        with scripted(says=says) as upstream:
            knobs = {"inference_url": upstream.url, "data": tmp_path, "anonymous": True} | knobs
            with run_gateway(Settings(**knobs)) as client:
                yield client, upstream

    return run


def test_whole_requests_go_the_short_way_and_others_the_long_one(gateway, inference, taken):
    assert gateway.post(PATH, content=b"1").status_code == 200
    assert gateway.post("/v2/models/load/versions/1/infer", content=b"2").status_code == 200
    assert gateway.post(PATH, content=b"3", headers=LONG).status_code == 200
    assert gateway.post(f"{PATH}?x=1", content=b"4").status_code == 200
    assert gateway.post(PATH, content=iter([b"5", b"6"])).status_code == 200
    assert gateway.post(PATH).status_code == 200
    assert taken == [b"1", b"2"]
    assert [body for *_, body in inference.seen] == [b"1", b"2", b"3", b"4", b"56", b""]


def test_both_ways_send_on_the_same(gateway, inference, taken, right):
    headers = {"Content-Type": "x/y", "X-Kept": "1", "Authorization": "Bearer a", "X-Request-ID": "r"} | right
    for way in ({}, LONG):
        gateway.post(PATH, content=b"{}", headers=headers | way | {"X-Forewatt-Deadline-Ms": "1500"})
    (_, _, short, _), (_, _, long, _) = inference.seen
    assert len(taken) == 1
    assert short == long
    assert (short["x-forewatt-deadline-ms"], short["x-request-id"], short["x-kept"]) == ("1500", "r", "1")
    assert not {"authorization", "x-api-key", "te"} & set(short)


ANSWERS = {
    "usual": [usual(b'{"a": 1}')],
    "refused": [usual(b"{}", b"503 Service Unavailable", b"retry-after: 7\r\n")],
    "in pieces": [usual(b"x" * 300_000)[:50], 0.02, usual(b"x" * 300_000)[50:]],
    "empty": [usual(b"")],
    "no content": [b"HTTP/1.1 204 No Content\r\nx-batch: 3\r\n\r\n"],
    "chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0.02, b"2\r\nde\r\n0\r\n\r\n"],
    "until the end": [b"HTTP/1.1 200 OK\r\nX-Batch: 3\r\n\r\nabc", 0.02, b"de", CLOSE],
    "an interim answer": [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", usual(b"{}")],
    "another's id": [usual(b"{}").replace(b"ID", b"theirs")],
    "two ids": [usual(b"{}", more=b"x-request-id: theirs\r\n")],
    "of the connection": [usual(b"{}", more=b"connection: close, x-batch\r\nx-batch: 3\r\nkeep-alive: a\r\n"), CLOSE],
    "cookies": [usual(b"{}", more=b"set-cookie: a=b\r\nset-cookie: c=d\r\nserver: bento\r\n")],
    "an unknown status": [usual(b"{}", b"299 Fine")],
    "cut off": [usual(b"12345678")[:-4], CLOSE],
    "cut off in its head": [usual(b"12345678")[:60], CLOSE],
    "cut off in a chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", CLOSE],
    "nothing": [CLOSE],
    "another protocol": [b"SSH-2.0-OpenSSH\r\n", CLOSE],
    "late": [1.0, CLOSE],
}


@pytest.mark.parametrize("says", ANSWERS.values(), ids=ANSWERS)
def test_both_ways_pass_or_refuse_any_answer_in_the_same_words(gateway_of, taken, says):
    with gateway_of(lambda _: says) as (client, _):
        deadline = {"X-Forewatt-Deadline-Ms": "400"}
        short, long = (client.post(PATH, content=b"{}", headers=way | deadline) for way in ({}, LONG))
    assert len(taken) == 1
    for answer in (short, long):
        assert answer.headers.get_list("x-request-id") == [answer.headers["x-request-id"]]
        assert len(answer.headers.get_list("date")) == 1
    assert same(short) == same(long)


def same(answer: httpx.Response):
    """All that two answers to one question must share."""
    headers = sorted((name, value) for name, value in answer.headers.multi_items() if name not in CHANGING)
    problem = answer.headers.get("content-type") == "application/problem+json"
    if not problem:
        return answer.status_code, headers, answer.content
    document = answer.json()
    assert document.pop("trace_id") == answer.headers["x-request-id"]
    return answer.status_code, headers, document


def test_both_ways_say_the_same_when_nobody_is_there(run_gateway, tmp_path, taken):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with run_gateway(Settings(data=tmp_path, inference_url=f"http://127.0.0.1:{port}", anonymous=True)) as client:
        short, long = (client.post(PATH, content=b"{}", headers=way) for way in ({}, LONG))
    assert len(taken) == 1
    assert same(short) == same(long)
    assert (short.status_code, int(short.headers["retry-after"])) == (503, 2)


def test_requests_of_one_connection_are_answered_in_their_order(gateway_of):
    with gateway_of(lambda n: [0.02, usual(b"%d" % n)]) as (client, _):
        asked = [request(body=b"[%d]" % n) for n in range(6)]
        parts = (asked[0], asked[1] + asked[2][:30], asked[2][30:], asked[3][:-2], asked[3][-2:] + asked[4], asked[5])
        found = ask(client, *parts, answers=6)
    assert [body for _, _, body in found] == [b"1", b"2", b"3", b"4", b"5", b"6"]


def test_a_body_in_pieces_is_sent_on_whole(gateway_of, taken):
    data = request(body=b"x" * 100_000)
    with gateway_of() as (client, upstream):
        ((status, _, _),) = ask(client, data[:80], data[80:5000], data[5000:])
    assert (status, taken[0], upstream.heard[0][2]) == (200, b"x" * 100_000, b"x" * 100_000)


def test_who_hangs_up_releases_his_work(gateway_of):
    with gateway_of(lambda _: [5.0, usual(b"{}")]) as (client, upstream):
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(request())
            while not upstream.heard:
                time.sleep(0.01)
        assert upstream.hung_up.wait(2)
        assert b'code="499",method="POST"' in generate_latest()


def test_a_late_answers_line_is_closed_and_the_next_question_gets_another(gateway_of):
    with gateway_of(lambda n: [5.0] if n == 1 else [usual(b"{}")]) as (client, upstream):
        assert client.post(PATH, content=b"{}", headers={"X-Forewatt-Deadline-Ms": "100"}).status_code == 504
        assert upstream.hung_up.wait(2)
        assert client.post(PATH, content=b"{}").status_code == 200
    assert [number for number, *_ in upstream.heard] == [1, 2]


def test_a_line_that_was_closed_while_idle_is_replaced_and_nobody_notices(gateway_of):
    with gateway_of(lambda n: [usual(b"{}")] if n != 2 else [CLOSE]) as (client, upstream):
        assert [client.post(PATH, content=b"{}").status_code for _ in range(3)] == [200, 200, 200]
    assert [number for number, *_ in upstream.heard] == [1, 1, 2, 2]


def test_a_question_is_repeated_once_and_never_after_something_came(gateway_of):
    with gateway_of(lambda n: [usual(b"{}")] if n == 1 else [CLOSE]) as (client, upstream):
        assert [client.post(PATH, content=b"{}").status_code for _ in range(2)] == [200, 503]
    assert len(upstream.heard) == 3
    with gateway_of(lambda n: [usual(b"{}")] if n == 1 else [b"HTTP/1.1 200 OK\r\n", CLOSE]) as (client, upstream):
        assert [client.post(PATH, content=b"{}").status_code for _ in range(2)] == [200, 503]
    assert len(upstream.heard) == 2


def test_who_finds_no_line_waits_within_his_deadline_and_is_not_asked_for_when_it_is_over(gateway_of):
    with gateway_of(lambda _: [3.0, usual(b"{}")], pool_size=2) as (client, upstream):

        def status(deadline_ms):
            headers = {"X-Forewatt-Deadline-Ms": str(deadline_ms)}
            return client.post(PATH, content=b"{}", headers=headers).status_code

        with ThreadPoolExecutor(8) as callers:
            served = [callers.submit(status, 10_000) for _ in range(2)]
            while len(upstream.heard) < 2:
                time.sleep(0.01)
            hasty = list(callers.map(status, [100] * 4))
            assert (hasty, len(upstream.heard)) == ([504] * 4, 2)
            assert [one.result() for one in served] == [200, 200]


def test_a_gateway_that_stops_answers_what_is_in_flight(run_gateway, tmp_path):
    answers = []
    with scripted(says=lambda _: [0.5, usual(b"{}")]) as upstream:
        with run_gateway(Settings(data=tmp_path, inference_url=upstream.url, anonymous=True)) as client:
            caller = threading.Thread(target=lambda: answers.extend(ask(client, request())))
            caller.start()
            while not upstream.heard:
                time.sleep(0.01)
        caller.join()
    ((status, headers, _),) = answers
    assert (status, headers["connection"]) == (200, "close")


def test_a_socket_whose_path_is_too_long_is_not_used_and_the_log_says_so(gateway_of, caplog):
    with gateway_of(inference_socket="long" * 40) as (client, upstream):
        assert client.post(PATH, content=b"{}").status_code == 200
    assert len(upstream.heard) == 1
    assert "FOREWATT_INFERENCE_SOCKET is too long" in caplog.text


def test_who_does_not_read_his_answers_is_not_read_either(gateway_of):
    with gateway_of(lambda _: [usual(b"x" * 4_000_000)]) as (client, upstream):
        address = urlsplit(str(client.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
            for _ in range(20):
                connection.sendall(request())
                time.sleep(0.03)
            assert len(upstream.heard) < 10
            said = Response()
            while len(said.found) < 20:
                said.parser.feed_data(connection.recv(1 << 20))
    assert len(upstream.heard) == 20
