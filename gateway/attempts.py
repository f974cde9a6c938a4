"""How often a login may fail: five times a minute for one account, and as often from one address."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway.errors import QuotaExceeded

LIMIT = RateLimitItemPerMinute(5)


class Attempts:
    """Those that failed, in this process. Names count whether or not there is such an account."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def check(self, account: str, address: str) -> None:
        """429 where one of the two has failed too often."""
        for who in (("account", account), ("address", address)):
            if not self._window.test(LIMIT, *who):
                wait_s = max(1, math.ceil(self._window.get_window_stats(LIMIT, *who).reset_time - time.time()))
                raise QuotaExceeded("login", LIMIT.amount, LIMIT.get_expiry(), wait_s, "Too many logins have failed.")

    def failed(self, account: str, address: str) -> None:
        """One more."""
        for who in (("account", account), ("address", address)):
            self._window.hit(LIMIT, *who)
