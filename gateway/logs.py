"""One JSON object a line on standard error, each with the id of the request it belongs to."""

from __future__ import annotations

import logging
import logging.config
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics

access = logging.getLogger("gateway.access")


def configure() -> None:
    """Take over the root logger; uvicorn's own loggers flow into it."""
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
            # One line a request is ours, below; the client's own would double it.
            "loggers": {"httpx": {"level": "WARNING"}, "alembic": {"level": "WARNING"}},
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
            _note(scope, status, perf_counter() - started)


def _note(scope: Scope, status: int, seconds: float) -> None:
    route, method = metrics.route_of(scope), metrics.method_of(scope)
    metrics.HTTP_SECONDS.labels(route, method, str(status)).observe(seconds)
    access.info(
        "%s %s %d",
        method,
        route,
        status,
        extra={"method": method, "route": route, "status": status, "duration_ms": round(1000 * seconds, 2)},
    )
