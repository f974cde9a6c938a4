"""The only caller of the inference server: one bounded pool, one deadline, 503 stays 503."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated

import aiohttp
import httpx
from asgi_correlation_id import correlation_id
from fastapi import Depends, Header, Request
from httpx_aiohttp import AiohttpTransport
from pydantic_core import from_json

from bentos.load.schema import Answer, Question
from gateway.errors import Problem, Unavailable
from gateway.messages import Headers
from gateway.metrics import INFERENCE_SECONDS
from gateway.settings import MAX_DEADLINE_MS, Knobs, Settings

DEADLINE_HEADER = "X-Forewatt-Deadline-Ms"
KEEP_ALIVE_S = 4.0  # the server lets go of an idle connection after 5: ours must be first
READY_DEADLINE_MS = 2_000
RETRY_AFTER_S = 2
PIECE_BYTES = 64 * 1024

GONE = "model-gone"
BROKEN = (httpx.TransportError, aiohttp.ClientError)  # the transport lets some of aiohttp's own pass


def connect(settings: Settings) -> httpx.AsyncClient:
    """A client over aiohttp's pool, which holds under load; it adds no header and keeps no cookie."""

    def connector() -> aiohttp.BaseConnector:
        if settings.socket:
            return aiohttp.UnixConnector(settings.socket, limit=settings.pool_size, keepalive_timeout=KEEP_ALIVE_S)
        return aiohttp.TCPConnector(limit=settings.pool_size, keepalive_timeout=KEEP_ALIVE_S)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector(),
            cookie_jar=aiohttp.DummyCookieJar(),  # a jar would carry one caller's cookies to the next
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    # The session's connector has its own TLS; what the transport would load for nothing takes 70 ms.
    transport = AiohttpTransport(client=session, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    url = str(settings.inference_url)
    no_timeout = httpx.Timeout(None)  # every hop has a deadline for the whole of it
    return httpx.AsyncClient(base_url=url, transport=transport, timeout=no_timeout, trust_env=False)


async def _client(request: Request) -> httpx.AsyncClient:
    client: httpx.AsyncClient = request.app.state.inference
    return client


async def _deadline_ms(
    settings: Knobs,
    asked: Annotated[int | None, Header(alias=DEADLINE_HEADER, ge=1, le=MAX_DEADLINE_MS)] = None,
) -> int:
    return asked or settings.deadline_ms


Inference = Annotated[httpx.AsyncClient, Depends(_client)]
DeadlineMs = Annotated[int, Depends(_deadline_ms)]


async def ask(client: httpx.AsyncClient, question: Question, deadline_ms: int, model: str = "") -> Answer:
    """The model's answer; what is neither an answer nor a refusal becomes 502.

    ``model`` is the ``<name>/<version>`` of one that was fitted for a caller, 404 where it is gone; else the one that
    is released answers.
    """
    body = question.model_dump_json(exclude_none=True).encode()
    target = f"/forecast/{model}" if model else "/forecast"
    outbound = outgoing(client, "POST", target.encode(), [(b"content-type", b"application/json")], body)
    response, content = await exchange(client, outbound, deadline_ms)
    if response.status_code != 200:
        raise refusal(response, content)
    try:
        # Strict about NaN: a number that is none must not leave this house as null.
        return Answer.model_validate(from_json(content, allow_inf_nan=False))
    except ValueError:
        raise garbled() from None


def outgoing(client: httpx.AsyncClient, method: str, target: bytes, headers: Headers, body: bytes) -> httpx.Request:
    """A request with these headers and no others; ``target`` is path and query, already encoded."""
    base = client.base_url
    url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + target)
    length = [(b"content-length", str(len(body)).encode())] if body else []
    return httpx.Request(method, url, headers=headers + length, content=_pieces(body) if body else None)


async def exchange(
    client: httpx.AsyncClient, outbound: httpx.Request, deadline_ms: int
) -> tuple[httpx.Response, bytes]:
    """Send a request; gives the answer's head, and its body as it came, still encoded."""
    outbound.headers[DEADLINE_HEADER] = str(deadline_ms)
    outbound.headers["X-Request-ID"] = correlation_id.get() or ""
    async with _hop(deadline_ms):
        response = await client.send(outbound, stream=True)
        try:
            body = b"".join([chunk async for chunk in response.aiter_raw()])
        finally:
            await response.aclose()
    return response, body


async def released(client: httpx.AsyncClient) -> str | None:
    """The version of the released model that answers now; nothing where nobody says."""
    try:
        async with asyncio.timeout(READY_DEADLINE_MS / 1000):
            versions = (await client.get("/v2/models/load")).json()["versions"]
            return str(versions[-1])
    except (TimeoutError, ValueError, LookupError, TypeError, *BROKEN):
        return None


async def ready(client: httpx.AsyncClient) -> bool:
    """Whether the inference server says that it can answer now."""
    try:
        async with asyncio.timeout(READY_DEADLINE_MS / 1000):
            return (await client.get("/readyz")).status_code == 200
    except (TimeoutError, *BROKEN):
        return False


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """Others get a turn between two pieces of a large body."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


@asynccontextmanager
async def _hop(deadline_ms: int) -> AsyncIterator[None]:
    """One exchange under its deadline; the pool's own errors become the caller's problems."""
    started, outcome = perf_counter(), "abandoned"
    try:
        async with asyncio.timeout(deadline_ms / 1000):
            yield
        outcome = "answered"
    except TimeoutError:
        outcome = "late"
        raise late(deadline_ms) from None
    except aiohttp.ClientResponseError:
        outcome = "garbled"
        raise garbled() from None
    except BROKEN:
        outcome = "unreachable"
        raise unavailable() from None
    finally:
        INFERENCE_SECONDS.observe((outcome,), perf_counter() - started)


def unavailable(retry_after_s: int = RETRY_AFTER_S) -> Problem:
    """Nobody there, or too busy."""
    detail = "The inference server cannot answer now."
    return Unavailable("inference-unavailable", detail, retry_after_s=retry_after_s)


def late(deadline_ms: int) -> Problem:
    """The deadline came first."""
    detail = f"No answer within {deadline_ms} ms. Allow more with {DEADLINE_HEADER}, or try again later."
    return Problem(504, "deadline-exceeded", detail)


def garbled() -> Problem:
    """Something answered, but not in our language."""
    detail = "The inference server sent no answer that we know. Check that its version is this gateway's."
    return Problem(502, "inference-garbled", detail)


def refusal(response: httpx.Response, content: bytes) -> Problem:
    """What the inference server refused, in the caller's terms."""
    if response.status_code in (429, 503):
        wait = response.headers.get("retry-after", "")
        return unavailable(int(wait) if wait.isdigit() else RETRY_AFTER_S)
    if response.status_code == 504:
        detail = "The inference server ran out of time. Allow more, or try again later."
        return Problem(504, "deadline-exceeded", detail)
    if response.status_code in (400, 422):
        return Problem(422, "refused-by-model", _reason(content))
    if response.status_code in (404, 409) and (b'"no_model"' in content or b'"broken_model"' in content):
        return Problem(404, GONE, "The model is not in the registry any more, or not whole. Fit it again.")
    return garbled()


def _reason(content: bytes) -> str:
    """What the model said, as a problem document or in BentoML's own form, which may be a list of one."""
    try:
        said = from_json(content)
        said = said[0] if isinstance(said, list) else said
        reason: str = next(said[word] for word in ("detail", "error") if isinstance(said.get(word), str))
        return reason
    except (ValueError, LookupError, AttributeError, StopIteration):
        return "The model refused this question and gave no reason. Check the history and the month."
