"""One JSON object a line on standard error, each with the id of the request it belongs to."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import re
import sys
import time
from time import perf_counter
from typing import TextIO

from asgi_correlation_id import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics

FLUSH_S = 0.1
SECOND = "%Y-%m-%dT%H:%M:%S"
LINE = (
    '{"timestamp": "%s.%06d+00:00", "level": "INFO", "logger": "gateway.access", "message": "%s %s %d", '
    '"request_id": "%s", "method": "%s", "route": "%s", "status": %d, "duration_ms": %.2f}\n'
)


class Access:
    """A line for each request. Formatted by hand and written together: the logging module takes longer than a hop."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._lines: list[str] = []
        self._second, self._stamp = 0, ""

    def open(self, stream: TextIO) -> None:
        """From now on requests are written to ``stream``."""
        self._stream = stream

    def add(self, request_id: str, method: str, route: str, status: int, seconds: float) -> None:
        """One request; all words are from closed lists or checked, so that none needs quoting."""
        if self._stream is None:
            return
        second, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
        if second != self._second:
            self._second, self._stamp = second, time.strftime(SECOND, time.gmtime(second))
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)
        said = (method, route, status, request_id, method, route, status, 1000 * seconds)
        self._lines.append(LINE % (self._stamp, microsecond, *said))

    def flush(self) -> None:
        """Write what has come together."""
        lines, self._lines = self._lines, []
        if self._stream is not None and lines:
            self._stream.write("".join(lines))
            self._stream.flush()


ACCESS = Access()


def configure() -> None:
    """Take over the root logger; uvicorn's own loggers flow into it, and each request is a line."""
    ACCESS.open(sys.stderr)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": "asgi_correlation_id.CorrelationIdFilter"}},
            "formatters": {
                "json": {
                    "()": "pythonjsonlogger.json.JsonFormatter",
                    "fmt": "{levelname}{name}{message}{correlation_id}",
                    "style": "{",
                    "timestamp": True,
                    "rename_fields": {"levelname": "level", "name": "logger", "correlation_id": "request_id"},
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["request"]}},
            "root": {"level": "INFO", "handlers": ["stderr"]},
            # One line a request and a change of a task is ours; the libraries' own would double them.
            "loggers": {"httpx": {"level": "WARNING"}, "alembic": {"level": "WARNING"}, "celery": {"level": "WARNING"}},
        }
    )


def is_request_id(given: str) -> bool:
    """Whether a caller's id may stand in our log: short, and nothing that could forge a line."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) is not None


class AccessLog:
    """Times every request for the log and for the histogram."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What breaks before an answer begins counts as 500."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            seconds = perf_counter() - started
            note(correlation_id.get() or "", metrics.method_of(scope), metrics.route_of(scope), status, seconds)


def note(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """One request, for the log and for the histogram."""
    metrics.HTTP_SECONDS.observe((route, method, str(status)), seconds)
    ACCESS.add(request_id, method, route, status, seconds)
