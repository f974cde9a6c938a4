"""A body of a hundred megabytes is refused early, whether it says its length or not."""

import json
import select
import socket

import pytest

MEGABYTE = 1_000_000


@pytest.fixture
def line(address):
    """A bare connection to the gateway."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


def shown(right):
    """The right as it stands in a head."""
    return "".join(f"{name}: {value}\r\n" for name, value in right.items())


def refusal(line):
    """The problem document that came back."""
    answer = line.recv(65536)
    while b'"trace_id"' not in answer:
        answer += line.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["trace_id"].encode() in head
    assert "Send" in problem["detail"]
    return problem


@pytest.mark.parametrize("path", ["/api/v1/forecasts", "/api/predict", "/v2/models/load/infer", "/no/such/route"])
def test_a_declared_length_is_refused_before_the_body_comes(line, inference, right, path):
    line.sendall(
        f"POST {path} HTTP/1.1\r\nHost: x\r\n{shown(right)}Content-Type: application/json\r\n"
        f"Content-Length: {100 * MEGABYTE}\r\n\r\n".encode()
    )
    assert refusal(line)["instance"] == path
    assert not inference.seen


@pytest.mark.parametrize("path", ["/api/v1/forecasts", "/api/predict", "/v2/models/load/infer"])
def test_a_chunked_body_is_refused_when_it_has_become_too_long(line, inference, right, path):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{shown(right)}Content-Type: application/json\r\n"
    line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    piece = b"%x\r\n" % MEGABYTE + b" " * MEGABYTE + b"\r\n"
    sent = 0
    while sent < 100 and not select.select([line], [], [], 0.01)[0]:
        line.sendall(piece)
        sent += 1
    assert 8 <= sent < 16
    refusal(line)
    assert not inference.seen


def test_a_body_within_the_limit_is_only_judged_by_what_it_says(gateway):
    answer = gateway.post(
        "/api/v1/forecasts", content=b" " * 8_000_000 + b"{}", headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_caller_who_hangs_up_within_the_body_hurts_nobody(line, gateway, right):
    line.sendall(
        f"POST /api/v1/forecasts HTTP/1.1\r\nHost: x\r\n{shown(right)}Content-Type: application/json\r\n"
        'Content-Length: 5000\r\n\r\n{"series"'.encode()
    )
    line.close()
    assert gateway.get("/livez").status_code == 200
