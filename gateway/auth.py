"""Who may ask: whoever shows a token or a key, before his body is read. Neither is ever logged, and neither goes on.

What he may is a matter of his role: each route says beside it which is the least, by `at_least`.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security, params
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Problem, documented
from gateway.rights import NOBODY, ROLES, Identity, Rights, Role
from gateway.settings import Settings

REGISTER, LOGIN, SETUP = "/api/auth/register", "/api/auth/login", "/api/auth/setup"
OPEN = frozenset((LOGIN, SETUP, "/livez", "/readyz", "/docs", "/openapi.json"))
ASKED = "/auth"  # by nginx, for each caller whose right it does not remember

# What the interface says; the decision is the guard's, before a body is read.
_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, description="A machine's key, or the one in FOREWATT_API_KEY.")
_TOKEN = HTTPBearer(auto_error=False, description="A token that login gave, or a key.")

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


async def _caller(request: Request) -> Identity:
    rights: Rights = request.app.state.rights
    if (found := await rights.identify(request.scope["headers"])) is None:
        raise refusal()
    return found


Caller = Annotated[Identity, Depends(_caller)]  # whoever may ask, also without an account


async def _account(caller: Caller) -> Identity:
    if caller.id == NOBODY:
        raise refusal()
    return caller


Account = Annotated[Identity, Depends(_account)]  # who has one


async def _login(caller: Account) -> Identity:
    if caller.shown != "token":
        raise Problem(403, "login-wanted", f"A key may not do this. Log in at {LOGIN} and send the token.")
    return caller


Login = Annotated[Identity, Depends(_login)]  # who has shown a token, and not a machine's key


async def _reaches(
    wanted: SecurityScopes,
    caller: Caller,
    _key: Annotated[str | None, Security(_KEY)],
    _token: Annotated[HTTPAuthorizationCredentials | None, Security(_TOKEN)],
) -> None:
    role = max((role for role in ROLES if role in wanted.scopes), key=ROLES.index)
    if not caller.may(role):
        detail = (
            f"The role {role}, or one above it, is wanted here, and yours is {caller.role}. "
            "Ask an admin, who gives roles; a key has at most its owner's."
        )
        raise Problem(403, "role-too-low", detail)


def at_least(role: Role) -> params.Security:
    """The route is for this role and those above it, 403 for others; OpenAPI has the role as the route's scope."""
    security: params.Security = Security(_reaches, scopes=[role])
    return security


_REFUSED = {401: {"description": "No, without a body."}, **documented(403)}


@router.get(ASKED, status_code=204, dependencies=[at_least("operator")], responses=_REFUSED)
async def may() -> None:
    """Whether this caller may ask for predictions: 204, 401 or 403, for a proxy in front."""


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
        "Leave FOREWATT_ANONYMOUS at false, so that callers need an account or a key, or set FOREWATT_API_KEY or "
        "FOREWATT_API_KEY_FILE, or leave the host at 127.0.0.1."
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
