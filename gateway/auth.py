"""Who may ask: whoever shows a token or a key, before his body is read. Neither is ever logged, and neither goes on."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Problem
from gateway.rights import NOBODY, Identity, Rights
from gateway.settings import Settings

REGISTER, LOGIN = "/api/auth/register", "/api/auth/login"
OPEN = frozenset((LOGIN, "/livez", "/readyz", "/metrics", "/docs", "/openapi.json"))
ASKED = "/auth"  # by nginx, for each caller whose right it does not remember

# What the interface says; the decision is the guard's, before a body is read.
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="A machine's key, or the one in FOREWATT_API_KEY.")
_TOKEN = HTTPBearer(auto_error=False, description="A token that login gave, or a key.")
DOCUMENTED = [Security(_KEY), Security(_TOKEN)]

router = APIRouter(tags=["operation"])


class Guard:
    """Refuses, before the body is read, whoever has no right."""

    def __init__(self, app: ASGIApp, rights: Rights, settings: Settings) -> None:
        self.app, self.rights = app, rights
        self.open = OPEN | {REGISTER} if settings.registers_all else OPEN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All but the few open addresses want a right."""
        if scope["type"] != "http" or self.rights.anonymous or scope["path"] in self.open:
            await self.app(scope, receive, send)
            return
        try:
            wrong = None if await self.rights.identify(scope["headers"]) else refusal()
        except Problem as unavailable:
            wrong = unavailable
        if wrong is None:
            await self.app(scope, receive, send)
        elif scope["path"] == ASKED:
            await Response(status_code=wrong.status_code, headers=wrong.headers)(scope, receive, send)
        else:
            await wrong.response(scope["path"])(scope, receive, send)


@router.get(ASKED, status_code=204, dependencies=DOCUMENTED, responses={401: {"description": "No, without a body."}})
async def may() -> None:
    """Whether this caller may ask: 204 or 401, for a proxy in front."""


async def _caller(request: Request) -> Identity:
    rights: Rights = request.app.state.rights
    if (found := await rights.identify(request.scope["headers"])) is None:
        raise refusal()
    return found


Caller = Annotated[Identity, Depends(_caller)]  # whoever may ask, also without an account


def _account(caller: Caller) -> Identity:
    if caller.id == NOBODY:
        raise refusal()
    return caller


Account = Annotated[Identity, Depends(_account)]  # who has one


def _login(caller: Account) -> Identity:
    if caller.shown != "token":
        raise Problem(403, "login-wanted", f"A key may not do this. Log in at {LOGIN} and send the token.")
    return caller


Login = Annotated[Identity, Depends(_login)]  # who has shown a token, and not a machine's key


def refusal() -> Problem:
    """401, and what to do."""
    detail = (
        f"A token or a key is wanted here. Log in at {LOGIN} and send Authorization: Bearer <token>, "
        "or send a key as X-API-Key: <key>."
    )
    return unauthorized("unauthorized", detail)


def unauthorized(code: str, detail: str) -> Problem:
    """401 with the header that belongs to it."""
    problem = Problem(401, code, detail)
    problem.headers = {"WWW-Authenticate": 'Bearer realm="forewatt"'}
    return problem


def exposed(settings: Settings) -> str | None:
    """What is wrong with listening where others can reach us and all may ask; nothing where it is right."""
    if not settings.open_to_all or _loopback(settings.host):
        return None
    return (
        f"FOREWATT_HOST: {settings.host} may be reached from other machines, and anybody could ask. "
        "Set FOREWATT_API_KEY or FOREWATT_API_KEY_FILE, so that callers need the key, or FOREWATT_ANONYMOUS=false, "
        "so that they need an account, or leave the host at 127.0.0.1."
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
