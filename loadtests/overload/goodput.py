"""P7, P8: what is still answered in time when twice and ten times the capacity is asked, and how soon all is well.

P8 is of callers who say the SLO as their deadline. Those of P7 allow 500 ms, and a server that uses what it is allowed
answers them later than the SLO: that is P8@deadline. P8 and P8b are medians over windows of the p99 in each, P8@whole
and P8b@whole the p99 of the whole run, and the share of the machine that its hypervisor took away is printed.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import numpy as np
import psutil

from loadtests.answers import Log, Mask, median_p99, percentile
from loadtests.open_loop import run
from loadtests.overload.callers import callers, overload
from loadtests.overload.model import capacity, rows_within
from loadtests.peers.processes import Server
from loadtests.shapes import Floats, burst, poisson
from loadtests.slo import DEADLINE_MS, P99_S, STEADY_S, refuse_void

WARM_UP_S = 1.0
BURST_ROWS, BURSTS = 800, 10
AFTERWARDS_S, AFTERWARDS = 15.0, 0.5  # of the capacity, once the overload is over
STEP_S = 0.1

Times = tuple[float, ...]


def figures(seconds: float) -> dict[str, float]:
    """The rows of P7 and P8. Raises ``VoidError``."""
    with overload() as server:
        _sustained(server, 0.5, 2.0, DEADLINE_MS)
        twice = _sustained(server, 2, seconds, DEADLINE_MS)
        tenfold = _sustained(server, 10, seconds, DEADLINE_MS)
        strict = [_sustained(server, times, seconds, 1000 * P99_S) for times in (2, 10)]
        bursts = [_burst(server) for _ in range(BURSTS)]
        recovery = _recovery(server, min(seconds, 10.0))
    refuse_void([twice, tenfold, *strict], official=seconds >= STEADY_S)
    return {
        "P7": _goodput(twice, seconds),
        "P7b": _goodput(tenfold, seconds),
        "P7c": median(int(log.good.sum()) for log in bursts) / rows_within(DEADLINE_MS / 1000),
        "P8": 1000 * max(_windows_p99(log, log.admitted) for log in strict),
        "P8@whole": 1000 * max(_p99(log, log.admitted) for log in strict),
        "P8@deadline": 1000 * max(_p99(log, log.admitted) for log in (twice, tenfold)),
        "P8b": 1000 * max(_windows_p99(log, log.rejected) for log in (twice, tenfold)),
        "P8b@whole": 1000 * max(_p99(log, log.rejected) for log in (twice, tenfold)),
        "P8c": recovery,
    }


def _sustained(server: Server, times: float, seconds: float, deadline_ms: float) -> Log:
    before = psutil.cpu_times()
    log = run(callers(server, deadline_ms=deadline_ms), poisson(times * capacity(), seconds, seed=int(times)))
    stolen = _stolen(before, psutil.cpu_times())
    print(f"{times} × capacity, deadline {deadline_ms:g} ms, {stolen:.1%} stolen: {log.summary()}", flush=True)
    return log


def _goodput(log: Log, seconds: float) -> float:
    """Good answers a second over the capacity, once the queue has settled."""
    settled = log.good & (log.ended > WARM_UP_S) & (log.ended <= seconds)
    return float(settled.sum() / (seconds - WARM_UP_S) / capacity())


def _p99(log: Log, which: Mask) -> float:
    return percentile(_waited(log)[which], 0.99)


def _windows_p99(log: Log, which: Mask) -> float:
    return median_p99(_waited(log)[which], log.intended[which])


def _waited(log: Log) -> Floats:
    """Seconds; a rejection that does not say when to come back counts as none."""
    return np.where(log.rejected & ~log.retry_after, np.inf, log.latency)


def _stolen(before: Times, after: Times) -> float:
    """The share of the machine that its hypervisor kept meanwhile; 0 where nobody says."""
    spent = sum(after) - sum(before)
    return (getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)) / spent if spent else 0.0


def _burst(server: Server) -> Log:
    log = run(replace(callers(server), connections=BURST_ROWS), burst(BURST_ROWS, at=0.5))
    print(f"burst: {log.summary()}", flush=True)
    return log


def _recovery(server: Server, overload_s: float) -> float:
    after = overload_s + poisson(AFTERWARDS * capacity(), AFTERWARDS_S, seed=1)
    log = run(callers(server), np.append(poisson(10 * capacity(), overload_s, seed=0), after))
    return recovered_after(log, overload_s)


def recovered_after(log: Log, overload_s: float) -> float:
    """Seconds from the end of the overload until every second from then on has its p99 within the SLO."""
    latency = np.where(log.admitted, log.latency, np.inf)
    recovered = AFTERWARDS_S
    for begin in np.arange(AFTERWARDS_S - 1, -STEP_S / 2, -STEP_S):
        second = (log.intended >= overload_s + begin) & (log.intended < overload_s + begin + 1)
        if not percentile(latency[second], 0.99) <= P99_S:
            break
        recovered = begin
    return float(recovered)
