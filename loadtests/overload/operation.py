"""R6: nobody notices when a version is loaded, put back, or the server is asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from loadtests.answers import Log
from loadtests.open_loop import run
from loadtests.overload.callers import callers, overload
from loadtests.overload.model import capacity
from loadtests.peers.processes import Server
from loadtests.shapes import poisson
from loadtests.slo import STEADY_S, refuse_void

RATE, PAUSE_S = 50.0, 2.0
STOP_AFTER_S, LAST_CALL_S = 4.0, 1.0  # callers go elsewhere once the server has said for a second that it is not ready


def versions(seconds: float) -> dict[str, float]:
    """R6: requests that fail while versions change in turn; R6b: the longest a change takes. Raises ``VoidError``."""
    with overload() as server:
        log, taken = _meanwhile(server, RATE, seconds, lambda: _change_in_turn(server, seconds - PAUSE_S))
    refuse_void([log], official=seconds >= STEADY_S)
    print(f"{len(taken)} changes in {taken} s; {log.summary()}", flush=True)
    return {"R6": float((log.status != 200).sum()), "R6b": max(taken)}


def stopping() -> dict[str, float]:
    """R6@sigterm: requests that fail of those sent until a second after SIGTERM, at half of the capacity."""
    with overload() as server:
        log, _ = _meanwhile(server, capacity() / 2, STOP_AFTER_S + LAST_CALL_S, lambda: _stop(server))
        server.process.wait(30)
    refuse_void([log], official=False)
    late = int((log.intended > STOP_AFTER_S).sum())
    print(f"{late} of {len(log.intended)} came after SIGTERM; {log.summary()}", flush=True)
    return {"R6@sigterm": float((log.status != 200).sum())}


def _meanwhile(server: Server, rate: float, seconds: float, act: Callable[[], list[float]]) -> tuple[Log, list[float]]:
    arrivals = poisson(rate, seconds, seed=6)
    with ThreadPoolExecutor(1) as aside:
        acting = aside.submit(act)
        return run(callers(server, len(arrivals)), arrivals), acting.result()


def _change_in_turn(server: Server, seconds: float) -> list[float]:
    """Load the second version, put the first one back, and again; seconds that each change took."""
    load = server.url.replace("/v2/models/overload/infer", "/v2/repository/models/overload/load")
    until, taken, version = time.monotonic() + seconds, list[float](), 1
    with httpx.Client(trust_env=False, timeout=60) as operator:
        while time.monotonic() < until:
            version, began = 3 - version, time.monotonic()
            operator.post(load, json={"parameters": {"version": str(version)}}).raise_for_status()
            taken.append(round(time.monotonic() - began, 3))
            time.sleep(PAUSE_S)
    return taken


def _stop(server: Server) -> list[float]:
    time.sleep(STOP_AFTER_S)
    server.process.send_signal(signal.SIGTERM)
    return []
