"""Who may ask: whoever has the key. One static key until there are accounts; it is never logged and never goes on."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable

from fastapi import APIRouter, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Problem
from gateway.messages import KEY_HEADERS
from gateway.settings import Settings

OPEN = frozenset(("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"))
ASKED = "/auth"  # by nginx, for each caller whose right it does not remember
BEARER = b"bearer "

# What the interface says; the decision is the guard's, before a body is read.
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key in FOREWATT_API_KEY, where one is set.")
_TOKEN = HTTPBearer(auto_error=False, description="The same key as a bearer token.")
DOCUMENTED = [Security(_KEY), Security(_TOKEN)]

router = APIRouter(tags=["operation"])


class Rights:
    """What a caller's headers allow; without a key everybody may."""

    def __init__(self, key: str | None) -> None:
        self._key = _digest(key.encode()) if key else None

    def admits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether these (names in lower case) carry the key. How long this takes tells nothing about it."""
        if self._key is None:
            return True
        offered = [_credential(name, value) for name, value in headers if name in KEY_HEADERS]
        return any([hmac.compare_digest(_digest(key), self._key) for key in offered])  # noqa: C419 - each of them


class Guard:
    """Refuses, before the body is read, whoever has no right."""

    def __init__(self, app: ASGIApp, rights: Rights) -> None:
        self.app, self.rights = app, rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All but the few open addresses want the key."""
        if scope["type"] != "http" or scope["path"] in OPEN or self.rights.admits(scope["headers"]):
            await self.app(scope, receive, send)
        elif scope["path"] == ASKED:
            await Response(status_code=401, headers=refusal().headers)(scope, receive, send)
        else:
            await refusal().response(scope["path"])(scope, receive, send)


@router.get(ASKED, status_code=204, dependencies=DOCUMENTED, responses={401: {"description": "No, without a body."}})
async def may() -> None:
    """Whether this caller may ask: 204 or 401, for a proxy in front."""


def refusal() -> Problem:
    """401, and what to do."""
    detail = "A key is wanted here. Send it as X-API-Key: <key> or as Authorization: Bearer <key>."
    problem = Problem(401, "unauthorized", detail)
    problem.headers = {"WWW-Authenticate": 'Bearer realm="forewatt"'}
    return problem


def exposed(settings: Settings) -> str | None:
    """What is wrong with listening where others can reach us and all may ask; nothing where it is right."""
    if settings.key is not None or _loopback(settings.host):
        return None
    return (
        f"FOREWATT_HOST: {settings.host} may be reached from other machines, and anybody could ask. "
        "Set FOREWATT_API_KEY or FOREWATT_API_KEY_FILE, so that callers need the key, or leave the host at 127.0.0.1."
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credential(name: bytes, value: bytes) -> bytes:
    bearer = name == b"authorization" and value[: len(BEARER)].lower() == BEARER
    return value[len(BEARER) :].strip() if bearer else value


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
