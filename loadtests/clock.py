"""To wake up when a request is due: gevent's own timers tick in milliseconds, a fast server answers within one."""

from __future__ import annotations

import ctypes
import os
import sys
from time import perf_counter

import gevent

CLOCK_MONOTONIC, NONBLOCK = 1, os.O_NONBLOCK


class _Setting(ctypes.Structure):
    """``struct itimerspec``: an interval, which stays zero, and the time until it expires."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "in_s", "in_ns")]


class Alarm:
    """One greenlet's: a timer of the kernel (timerfd_create(2)) that gevent's loop waits for like for a socket."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None
        self._file = self._libc.timerfd_create(CLOCK_MONOTONIC, NONBLOCK) if self._libc else -1
        self._rings = gevent.get_hub().loop.io(self._file, 1) if self._file >= 0 else None

    def wait_until(self, due: float) -> None:
        """Let others run until ``perf_counter`` says ``due``; never early."""
        while (left := due - perf_counter()) > 0:
            if self._rings is None or self._libc is None:
                gevent.sleep(left)
            else:
                setting = _Setting(0, 0, int(left), int(left % 1 * 1e9) + 1)
                self._libc.timerfd_settime(self._file, 0, ctypes.byref(setting), None)
                gevent.get_hub().wait(self._rings)
                os.read(self._file, 8)

    def close(self) -> None:
        """Give the timer back."""
        if self._rings is not None:
            self._rings.close()
            os.close(self._file)
