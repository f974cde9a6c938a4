"""When the inference server is down, slow or babbling, the caller hears so in time."""

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.responses import JSONResponse, Response

from gateway.settings import Settings

PROBLEM = "application/problem+json"


@pytest.fixture
def lonely(run_gateway, tmp_path):
    """A gateway whose inference server is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with run_gateway(Settings(data=tmp_path, inference_url=f"http://127.0.0.1:{port}")) as client:
        yield client


@pytest.mark.parametrize("route", ["/api/v1/forecasts", "/v2/models/load/infer"])
def test_without_an_inference_server_every_question_is_503_with_a_time_to_retry(lonely, history, route):
    answer = lonely.post(route, json={"series": history()})
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert int(answer.headers["retry-after"]) > 0
    assert "Try again" in answer.json()["detail"]
    assert ("error" in answer.json()) == route.startswith("/v2")


def test_readiness_names_what_is_missing(lonely):
    answer = lonely.get("/readyz")
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert [error["message"] for error in answer.json()["errors"]] == ["The inference server does not answer."]
    assert lonely.get("/livez").status_code == 200


@pytest.mark.parametrize("route", ["/api/v1/forecasts", "/v2/models/load/infer"])
def test_a_slow_answer_is_504_within_the_deadline(gateway, inference, history, route):
    inference.delay_s = 1.5
    begun = time.monotonic()
    answer = gateway.post(route, json={"series": history()}, headers={"X-Forewatt-Deadline-Ms": "200"})
    assert time.monotonic() - begun < 1.2
    assert (answer.status_code, answer.headers["content-type"]) == (504, PROBLEM)
    assert "X-Forewatt-Deadline-Ms" in answer.json()["detail"]


def test_a_full_pool_costs_no_more_than_the_deadline(run_gateway, inference, tmp_path):
    inference.delay_s = 0.6
    settings = Settings(data=tmp_path, inference_url=inference.url, pool_size=1, deadline_ms=400)
    with run_gateway(settings) as client, ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda _: client.get("/v2").status_code, range(6)))
        inference.delay_s = 0
        assert answers == [504] * 6
        assert client.get("/v2").status_code == 200


GARBAGE = {
    "no JSON": Response(b"<html>"),
    "nothing": Response(b""),
    "not an answer": JSONResponse({"days": []}),
    "NaN in it": Response(b'{"origin": NaN}'),
    "an error of its own": JSONResponse({"error": "Traceback (most recent call last)"}, 500),
    "a redirect": Response(status_code=302, headers={"location": "http://example.org"}),
    "another route": JSONResponse({"error": "not found"}, 404),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_becomes_502_and_is_not_repeated(gateway, inference, history, answer):
    inference.answer = answer
    got = gateway.post("/api/v1/forecasts", json={"series": history()})
    assert (got.status_code, got.headers["content-type"]) == (502, PROBLEM)
    assert "Traceback" not in got.text
    assert "html" not in got.text


@pytest.mark.parametrize(
    "case",
    [
        (JSONResponse({}, 503, {"Retry-After": "9"}), 503, "9 seconds"),
        (JSONResponse({}, 429, {"Retry-After": "soon"}), 503, "2 seconds"),
        (JSONResponse({}, 504), 504, "Allow more"),
        (JSONResponse({"detail": "Two years are needed for Ridge."}, 422), 422, "Two years are needed for Ridge."),
        (JSONResponse({"error": "No region XY in AU; drop it."}, 400), 422, "No region XY"),
        (JSONResponse({"detail": [1], "error": "See above."}, 400), 422, "See above."),
        (JSONResponse(["?"], 400), 422, "Check the history"),
        (Response(b"?", 422), 422, "Check the history"),
    ],
)
def test_a_refusal_of_the_inference_server_keeps_its_meaning(gateway, inference, history, case):
    theirs, ours, words = case
    inference.answer = theirs
    got = gateway.post("/api/v1/forecasts", json={"series": history()})
    assert (got.status_code, got.headers["content-type"]) == (ours, PROBLEM)
    assert words in got.json()["detail"]
    assert ("retry-after" in got.headers) == (ours == 503)


@pytest.fixture(params=[b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
def babbler(request):
    """A server that hangs up, speaks another protocol, or stops within its answer."""

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(request.param)
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(babble, "127.0.0.1", 0))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(loop.run_forever)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
    loop.close()


@pytest.mark.parametrize("route", ["/api/v1/forecasts", "/v2/models/load/infer"])
def test_a_broken_conversation_is_502_or_503(run_gateway, babbler, tmp_path, history, route):
    with run_gateway(Settings(data=tmp_path, inference_url=babbler)) as client:
        answer = client.post(route, json={"series": history()})
    assert answer.status_code in (502, 503)
    assert answer.headers["content-type"] == PROBLEM
