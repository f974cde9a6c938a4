"""The short way in: hot routes answer before BentoML's middlewares, all else stays BentoML's."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bentos.serving.contract import Limits
from bentos.serving.heads import MAX_DEADLINE_MS, Heads, as_problem, check_type, deadline_s, repeated
from bentos.serving.hosting import Hosting
from bentos.serving.messages import Reply, Request
from bentos.serving.openinference import OpenInference, Repository
from bentos.serving.problems import Headers, Refused
from bentos.serving.protocol import SHORT_WAY

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[[Request], Awaitable[Reply]]

log = logging.getLogger("forewatt.serving")

# A caller is watched for hanging up only when his answer takes longer: watching costs a task.
WATCH_AFTER_S = 0.05
# The model's thread must not wait long for the interpreter when it comes back from native code.
SWITCH_INTERVAL_S = 0.00002


class Knobs(BaseSettings):
    """The inference server's settings, from FOREWATT_… in the environment."""

    model_config = SettingsConfigDict(env_prefix="FOREWATT_", env_ignore_empty=True, frozen=True)

    batch_rows: int = Field(default=64, ge=1, le=4096)
    queue_rows: int = Field(default=4096, ge=1)
    linger_ms: float = Field(default=math.inf, ge=0)
    body_limit_bytes: int = Field(default=8 * 2**20, ge=1024)
    deadline_ms: int = Field(default=10_000, ge=1, le=MAX_DEADLINE_MS)
    unready_s: float = Field(default=2.0, ge=0)  # from saying "not ready" to closing the door
    inference_socket: Path | None = None  # a second door, for a gateway on the same host

    @property
    def limits(self) -> Limits:
        return Limits(self.batch_rows, self.queue_rows, linger_s=self.linger_ms / 1000)


class Server:
    """An ASGI application: ``routes`` by path and ``prefixes`` by first segment are hot, the rest goes to ``cold``."""

    def __init__(self, cold: Asgi, knobs: Knobs) -> None:
        self._cold, self.knobs = cold, knobs
        self.routes: dict[str, Handler] = {}
        self.prefixes: dict[str, Handler] = {}
        self.loaded = self.draining = False

    @property
    def ready(self) -> bool:
        """Whether a balancer should send requests here."""
        return self.loaded and not self.draining

    def open(self, hosting: Hosting, repository: Repository) -> None:
        """Everything is loaded: answer, and from now on leave in order when asked to stop."""
        self.prefixes["v2"] = OpenInference(hosting, repository, lambda: self.ready)
        SHORT_WAY.open(hosting, Heads(self.knobs.deadline_ms, self.knobs.body_limit_bytes))
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.collect()
        gc.freeze()  # a million objects of the libraries: looking through them again and again took half the time
        self.loaded = True
        before = signal.getsignal(signal.SIGTERM)
        if callable(before):
            signal.signal(signal.SIGTERM, lambda number, frame: self._drain(before, number, frame))

    def _drain(self, close: Callable[[int, FrameType | None], Any], number: int, frame: FrameType | None) -> None:
        """Readiness goes first; the door stays open until balancers have seen it; then what is in flight finishes."""
        if self.draining:
            close(number, frame)
            return
        self.draining = True
        log.info("stopping in %.1f s", self.knobs.unready_s)
        asyncio.get_running_loop().call_later(self.knobs.unready_s, close, number, frame)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            handler = self.routes.get(path) or self.prefixes.get(path[1:].partition("/")[0])
            if handler is not None:
                await self._answer(handler, scope, receive, send)
                return
            if path == "/readyz" and not self.ready:
                await _send(send, Reply(503, b"not ready\n", b"text/plain"))
                return
        await self._cold(scope, receive, send)

    async def _answer(self, handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        loop = asyncio.get_running_loop()
        caller = _Caller(receive, loop)
        try:
            deadline = time.monotonic() + deadline_s(headers, self.knobs.deadline_ms)
            check_type(headers)
            body = await _body(headers, receive, self.knobs.body_limit_bytes)
            caller.watch()
            reply = await handler(Request(scope["method"], scope["path"], headers, body, deadline))
        except asyncio.CancelledError:
            if caller.gone:
                return
            raise
        except Exception as failure:
            reply = as_problem(failure, headers)
        finally:
            caller.forget()
        await _send(send, reply, headers)


class _Caller:
    """Whether he still waits: the request's task is cancelled when he hangs up."""

    def __init__(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive, self._loop = receive, loop
        self._request = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.gone = False

    def watch(self) -> None:
        self._timer = self._loop.call_later(WATCH_AFTER_S, self._start)

    def forget(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()

    def _start(self) -> None:
        self._watcher = self._loop.create_task(self._wait())

    async def _wait(self) -> None:
        if (await self._receive())["type"] == "http.disconnect" and self._request:
            self.gone = True
            self._request.cancel()


async def _body(headers: dict[bytes, bytes], receive: Receive, limit: int) -> bytes:
    declared = headers.get(b"content-length", b"")
    size = int(declared) if declared.isdigit() else 0
    chunks, left = [], True
    while left and size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "cut_off", "The body ended before its end.")
        chunks.append(message.get("body", b""))
        size, left = sum(map(len, chunks)), message.get("more_body", False)
    if size > limit:
        raise Refused(413, "too_large", f"A body may have {limit} bytes. Send less at once.")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _send(send: Send, reply: Reply, asked: dict[bytes, bytes] | None = None) -> None:
    headers: Headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    headers += repeated(asked or {})
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
