"""What stands below /v2 passes untouched, both ways."""

import gzip
import os
import socket

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from gateway import inference as inference_room

BINARY = {"content-type": "application/octet-stream", "Inference-Header-Content-Length": "12"}


@settings(max_examples=30, deadline=None)
@given(asked=st.binary(max_size=5000), answered=st.binary(max_size=5000))
def test_any_bytes_arrive_as_they_were_sent(address, right, upstream, asked, answered):
    upstream.reset()
    upstream.answer = Response(answered, headers=BINARY)
    got = httpx.post(f"{address}/v2/models/load/infer", content=asked, headers=BINARY | right, trust_env=False)
    _, path, headers, body = upstream.seen[-1]
    assert (path, body) == ("/v2/models/load/infer", asked)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["inference-header-content-length"] == "12"
    assert (got.status_code, got.content) == (200, answered)
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["inference-header-content-length"] == "12"


def test_megabytes_arrive_as_they_were_sent(gateway, inference):
    asked, answered = os.urandom(7_000_000), os.urandom(9_000_000)
    inference.answer = Response(answered)
    assert gateway.post("/v2/models/load/infer", content=asked).content == answered
    assert inference.seen[-1][3] == asked


def test_compressed_bodies_stay_compressed(gateway, inference):
    packed = gzip.compress(b'{"inputs": []}')
    inference.answer = Response(packed, headers={"content-encoding": "gzip"})
    with gateway.stream("POST", "/v2/models/x", content=packed, headers={"content-encoding": "gzip"}) as answer:
        assert b"".join(answer.iter_raw()) == packed
    assert inference.seen[-1][2]["content-encoding"] == "gzip"
    assert inference.seen[-1][3] == packed


@pytest.mark.parametrize("status", [200, 204, 400, 404, 422, 429, 500, 503])
def test_the_status_and_the_words_of_the_inference_server_come_back(gateway, inference, status):
    body = b"" if status == 204 else b'{"error": "not now"}'
    inference.answer = Response(body, status, headers={"Retry-After": "7", "X-Batch": "3"})
    answer = gateway.post("/v2/models/load/infer", content=b"{}")
    assert (answer.status_code, answer.content) == (status, body)
    assert (answer.headers["retry-after"], answer.headers["x-batch"]) == ("7", "3")


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/", "/v2/health/ready", "/v2/models/load/versions/1.0/ready", "/v2/models/a%20b%2Fc?x=1&x=%262"],
)
def test_paths_and_queries_are_kept(gateway, inference, path):
    assert gateway.get(path).json()["name"] == "fake"
    assert inference.seen[-1][:2] == ("GET", path)


def test_an_inference_server_may_stand_below_a_path():
    client = httpx.AsyncClient(base_url="http://inner/models")
    assert inference_room.outgoing(client, "GET", b"/v2?a=1", [], b"").url == "http://inner/models/v2?a=1"


def test_headers_of_the_connection_and_of_the_gateway_do_not_pass(gateway, inference):
    inference.answer = Response(b"", headers={"Keep-Alive": "timeout=1", "X-Request-ID": "theirs", "Server": "bento"})
    headers = {"Connection": "keep-alive, X-Secret", "X-Secret": "1", "TE": "trailers", "X-Kept": "yes"}
    answer = gateway.get("/v2", headers=headers)
    seen = inference.seen[-1][2]
    assert not {"te", "x-secret", "expect"} & set(seen)
    assert (seen["x-kept"], seen["x-request-id"]) == ("yes", answer.headers["x-request-id"])
    assert "keep-alive" not in answer.headers
    assert "server" not in answer.headers
    assert len(answer.headers.get_list("date")) == len(answer.headers.get_list("x-request-id")) == 1


def test_nothing_is_added_that_the_caller_did_not_say(address, right, inference):
    with httpx.Client(trust_env=False) as client:
        request = httpx.Request("GET", f"{address}/v2", headers=right)
        client.send(request)
    assert set(inference.seen[-1][2]) == {"host", "x-request-id", "x-forewatt-deadline-ms"}


def test_one_callers_cookies_are_not_sent_for_the_next(gateway, inference):
    inference.answer = Response(b"", headers={"set-cookie": "session=alice; Path=/"})
    assert gateway.get("/v2").headers["set-cookie"] == "session=alice; Path=/"
    gateway.cookies.clear()
    gateway.get("/v2")
    assert "cookie" not in inference.seen[-1][2]


@pytest.mark.parametrize(
    "path",
    [
        b"/v2/../forecast",
        b"/v2/models/../../forecast",
        b"/v2/%2e%2e/forecast",
        b"/v2/%2E./forecast",
        b"/v2/..%2fforecast",
        b"/v2/..%5cforecast",
        b"/v2/%252e%252e/forecast",
        b"/v2/..",
        b"/v2/a%00b",
        b"/v2/a%1bb",
    ],
)
def test_a_path_cannot_leave_v2(address, right, inference, path):
    # Written by hand: a client would tidy the path up first.

    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = b" HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\nConnection: close\r\n\r\n" % right["X-API-Key"].encode()
        line.sendall(b"GET " + path + head)
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert not inference.seen


@pytest.mark.parametrize(
    "path",
    [
        b"/v2//repository/models/load/unload",
        b"/v2/%2frepository/models/load/unload",
        b"/v2/%72epository//models/load/unload",
        b"/v2/%2572epository/models/load/unload",
        b"/v2/\\repository/models/load/unload",
        b"/v2/./repository/models/load/unload",
        b"/v2/%2e/%252e/repository/models/load/unload",
        b"/v2/repository;x/models/load/unload",
        b"/v2/x/../repository/models/load/unload",
        b"//v2/repository/models/load/unload",
    ],
)
def test_no_spelling_lets_others_than_admins_load_and_unload_models(address, right, inference, path):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = b" HTTP/1.1\r\nHost: x\r\nX-API-Key: %b\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        line.sendall(b"POST " + path + head % right["X-API-Key"].encode())
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.split()[1] in (b"400", b"403", b"404", b"405")
    assert not inference.seen


def test_whoever_may_look_sees_which_models_there_are(gateway, inference):
    assert gateway.post("/v2/repository/index").status_code == 200
    assert inference.seen[-1][:2] == ("POST", "/v2/repository/index")
    assert gateway.post("/v2/repository/models/load/load").status_code == 403
