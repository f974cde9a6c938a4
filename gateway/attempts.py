"""How often a login may fail, for one account and from one address. How many accounts it may make, `quotas` counts."""

from __future__ import annotations

import math
import time
from functools import partial

from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter

from gateway.counters import Counters
from gateway.errors import QuotaExceeded

LIMIT = RateLimitItemPerMinute(5)


class Attempts:
    """Those that failed, in all gateways that count together. Names count whether or not there is such an account."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def check(self, account: str, address: str) -> None:
        """429 where one of the two has failed too often."""
        for who in (("login account", account), ("login address", address)):
            wait_s = await self._counters.ask(partial(_wait_s, who))
            if wait_s is not None:
                raise QuotaExceeded("login", LIMIT.amount, LIMIT.get_expiry(), wait_s, "Too many logins have failed.")

    async def failed(self, account: str, address: str) -> None:
        """One more."""
        for who in (("login account", account), ("login address", address)):
            await self._counters.ask(partial(_count, who))


async def _wait_s(who: tuple[str, str], storage: Storage) -> int | None:
    """For how long; nothing where another may be tried now."""
    window = await MovingWindowRateLimiter(storage).get_window_stats(LIMIT, *who)
    return max(1, math.ceil(window.reset_time - time.time())) if window.remaining <= 0 else None


async def _count(who: tuple[str, str], storage: Storage) -> None:
    await MovingWindowRateLimiter(storage).hit(LIMIT, *who)
