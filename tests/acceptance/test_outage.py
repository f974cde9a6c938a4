"""Servers that are killed, come back, or are told to stop while somebody waits for an answer."""

import json
import signal
import socket
import time
from urllib.parse import urlsplit


def test_without_its_inference_server_the_gateway_lives_says_so_and_recovers(start, caller, past):
    inference = start.inference()
    gateway = start.gateway(inference.url)
    inference.wait_until_ready()
    gateway.wait_until_ready()
    caller.base_url, caller.headers = gateway.url, gateway.right
    asked = {"series": past(100)}
    before = caller.post("/api/v1/forecasts", json=asked)
    assert before.status_code == 200
    inference.kill()
    for response in (caller.post("/api/v1/forecasts", json=asked), caller.get("/readyz"), caller.get("/v2")):
        assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
        assert int(response.headers["retry-after"]) > 0
        assert "Try again" in response.json()["detail"]
    assert caller.get("/livez").status_code == 200
    start.inference(port=urlsplit(inference.url).port).wait_until_ready()
    gateway.wait_until_ready()
    assert caller.post("/api/v1/forecasts", json=asked).json() == before.json()


def test_who_is_told_to_stop_still_answers_the_question_that_it_is_reading(start, past):
    inference = start.inference(FOREWATT_UNREADY_S=0)  # the door closes at once
    gateway = start.gateway(inference.url)
    inference.wait_until_ready()
    gateway.wait_until_ready()
    for server, path in ((gateway, "/api/v1/forecasts"), (inference, "/forecast")):
        right = gateway.right if server is gateway else {}
        said = asked_while_stopping(server, path, right, json.dumps({"series": past(100)}).encode())
        assert said.startswith(b"HTTP/1.1 200 OK\r\n"), said[:300]
        assert len(json.loads(said.partition(b"\r\n\r\n")[2])["days"]) == 31
        assert server.process.wait(30) in (0, -signal.SIGTERM)
        assert server.status("/livez") is None


def asked_while_stopping(server, path, right, body) -> bytes:
    """The whole answer to a question whose second half comes after SIGTERM."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in right.items())
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n" + body[:100])
        answer = connection.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"  # so the question has begun
        answer.readline()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.7)  # long enough to stop, if nobody waited for us
        connection.sendall(body[100:])
        return answer.read()
