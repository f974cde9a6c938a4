"""What a body may be: how large, of which type, really JSON. Decided before anyone looks at its fields."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import REMEDIES, Problem


class BodyLimit:
    """Refuses a body declared too large at once, and a chunked one at the first byte too many."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.counted = RequestBodyLimitMiddleware(app, limit_bytes)
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Starlette counts the bytes; its own answer to a declared length is no problem document, ours is."""
        declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if declared.isdigit() and int(declared) > self.limit_bytes:
            detail = f"{REMEDIES[413]} At most {self.limit_bytes} bytes are taken."
            refusal = Problem(413, "content-too-large", detail).response(scope["path"])
            await refusal(scope, receive, send)
        else:
            await self.counted(scope, receive, send)


class _JsonRequest(Request):
    """Stricter than the standard library: no NaN, no lone surrogates, no depth that exhausts the stack."""

    async def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body's value; kept, since the framework asks again."""
        if not hasattr(self, "_json"):
            try:
                self._json = from_json(await self.body(), allow_inf_nan=False)
            except ValueError as wrong:
                detail = f"The body is not JSON: {wrong}. Send one complete JSON object."
                raise Problem(400, "not-json", detail) from None
        return self._json


class JsonRoute(APIRoute):
    """A route whose body, if it has one, is JSON and says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wraps FastAPI's handler: media type and syntax first, fields afterwards."""
        answer = super().get_route_handler()

        async def checked(request: Request) -> Response:
            asked = _JsonRequest(request.scope, request.receive)
            if self.body_field:
                _is_json(request.headers.get("content-type", ""))
                await asked.json()
            return await answer(asked)

        return checked


def _is_json(media_type: str) -> None:
    if media_type.partition(";")[0].strip().lower() != "application/json":
        detail = "The body does not say that it is JSON. Send JSON with the header Content-Type: application/json."
        raise Problem(415, "unsupported-media-type", detail)
