"""Where it is counted how often somebody did something: in this process, or in a Redis that all gateways share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.errors import StorageError

PATIENCE_S = 0.5
AGAIN_S = 2.0  # after which a Redis that went away is asked again, by one request

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Counters:
    """While the Redis is away this process counts for itself: nobody is refused or kept waiting for that."""

    def __init__(self, url: str | None = None) -> None:
        self._own = MemoryStorage()
        self._shared = _redis(url) if url else None
        self._away, self._again_at = False, 0.0

    async def ask(self, question: Callable[[Storage], Awaitable[Answer]]) -> Answer:
        """What the counters say, those of all gateways if they can be reached."""
        if self._shared is None or time.monotonic() < self._again_at:
            return await question(self._own)
        if self._away:
            self._again_at = time.monotonic() + AGAIN_S  # the others need not try it too
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer = await question(self._shared)
        except (StorageError, OSError) as why:
            self._again_at = time.monotonic() + AGAIN_S
            self._say(away=True, why=type(why.__cause__ or why).__name__)
            return await question(self._own)
        self._again_at = 0.0
        self._say(away=False)
        return answer

    async def close(self) -> None:
        """Let go of the connections."""
        if self._shared is not None:
            await cast(Any, self._shared.bridge).storage.aclose()

    def _say(self, *, away: bool, why: str = "") -> None:
        if away and not self._away:
            log.warning(
                "The Redis of FOREWATT_LIMITS_URL is away (%s). Until it is back, this gateway counts alone.", why
            )
        elif self._away and not away:
            log.info("The Redis of FOREWATT_LIMITS_URL is back.")
        self._away = away


def _redis(url: str) -> RedisStorage:
    from redis.asyncio.retry import Retry  # noqa: PLC0415 - who counts alone needs no Redis
    from redis.backoff import NoBackoff  # noqa: PLC0415

    retry = cast(Any, Retry(NoBackoff(), 0))  # waiting is worse than counting alone
    return RedisStorage(
        f"async+{url}", wrap_exceptions=True, implementation="redispy", key_prefix="forewatt", retry=retry
    )
