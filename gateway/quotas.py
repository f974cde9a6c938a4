"""How often a caller may ask: below /api, by his account or, where he has none, by his address.

Inferences are not counted: the inference server refuses by itself what it cannot answer in time, and counting one would
cost more than its way through the gateway.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from limits import RateLimitItem
from limits.aio.storage import Storage
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.counters import Counters
from gateway.errors import Problem, QuotaExceeded, documented
from gateway.rights import NOBODY, Rights, address_of
from gateway.settings import Settings

LIMITED = "/api/"
# What costs more than an answer: hashing, a child process, a fit. Those of one word are counted together.
SPENDING = {
    "/api/auth/register": "register",
    "/api/data/import": "import",
    "/api/data/sample": "import",
    "/api/v1/readings/import": "import",
    "/api/v1/readings/sample": "import",
    "/api/forecast/submit": "submit",
    "/api/v1/forecasts/tasks": "submit",
}
POLICY, STATE = "RateLimit-Policy", "RateLimit"
NETWORK_BITS = 64  # of IPv6: whoever has one such address has all of its network


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests in so many seconds."""

    name: str
    limit: RateLimitItem

    async def count(self, storage: Storage, who: str) -> tuple[int, int]:
        """One more of this caller: how many these are, and after how many seconds the count starts anew."""
        key, window_s = self.limit.key_for(self.name, who), self.limit.get_expiry()
        times = await storage.incr(key, window_s)
        left_s = await storage.get_expiry(key) - time.time()
        return times, max(1, min(window_s, round(left_s) + 1))  # Redis rounds

    def refusal(self, left_s: int) -> Problem:
        """429."""
        times, window_s = self.limit.amount, self.limit.get_expiry()
        detail = f"You may ask {times} times within {window_s} seconds here, and you have asked more often."
        return QuotaExceeded(self.name, times, window_s, left_s, detail)

    def tell(self, headers: MutableHeaders, times: int, left_s: int) -> None:
        """What is left, as the IETF's draft writes it; an answer that tells of another quota keeps that."""
        if POLICY not in headers:
            headers[POLICY] = f'"{self.name}";q={self.limit.amount};w={self.limit.get_expiry()}'
            headers[STATE] = f'"{self.name}";r={max(0, self.limit.amount - times)};t={left_s}'


class Quotas:
    """Counts, tells what is left, and refuses with 429 before a body is read."""

    def __init__(self, app: ASGIApp, counters: Counters, rights: Rights, settings: Settings) -> None:
        self.app, self.counters, self.rights = app, counters, rights
        self.quotas = {name: Quota(name, limit) for name, limit in settings.quotas.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request is counted once, by the narrowest quota that there is for it."""
        quota = self._quota(scope)
        if quota is None:
            await self.app(scope, receive, send)
            return
        who = await self._who(scope)
        times, left_s = await self.counters.ask(lambda storage: quota.count(storage, who))

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                quota.tell(MutableHeaders(scope=message), times, left_s)
            await send(message)

        refused = times > quota.limit.amount
        answer = quota.refusal(left_s).response(scope["path"]) if refused else self.app
        await answer(scope, receive, telling)

    def _quota(self, scope: Scope) -> Quota | None:
        if scope["type"] != "http" or not scope["path"].startswith(LIMITED):
            return None
        spending = SPENDING.get(scope["path"].rstrip("/"), "") if scope["method"] == "POST" else ""
        return self.quotas.get(spending) or self.quotas.get("default")

    async def _who(self, scope: Scope) -> str:
        try:
            caller = await self.rights.identify(scope["headers"])
        except Problem:  # without a database nobody can be told from others, and the route will say so
            caller = None
        return str(caller.id) if caller and caller.id != NOBODY else _network(address_of(scope))


def describe(app: FastAPI) -> None:
    """Let the interface's description say what every route below /api has in common: these headers, and 429."""
    plain = app.openapi
    app.openapi = cache(lambda: _described(plain()))  # type: ignore[method-assign]


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    headers = {
        POLICY: {"description": "How often you may ask: times, seconds.", "schema": {"type": "string"}},
        STATE: {"description": "What is left of it, and for how many seconds.", "schema": {"type": "string"}},
    }
    after = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
    for path, operations in schema["paths"].items():
        for operation in operations.values() if path.startswith(LIMITED) else ():
            operation["responses"].setdefault("429", documented(429)[429])
            operation["responses"]["429"]["headers"] = after
            for answer in operation["responses"].values():
                answer["headers"] = {**answer.get("headers", {}), **headers}
    return schema


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, NETWORK_BITS), strict=False))
