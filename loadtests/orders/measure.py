"""Orders by schedule, months one after the other, and a heap of fits for one worker and for two."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from forewatt import Client
from loadtests.answers import median_p99, percentile
from loadtests.open_loop import Target, run
from loadtests.servers import WORKER, Running, Starter
from loadtests.shapes import poisson
from loadtests.slo import STEADY_S, refuse_void

YEAR, MONTH = FITTED = 2024, 5  # after the generated series
LAST = date(2024, 3, 31)  # in the latest of the months that were
RATE = 50.0
WARM_S = 5.0
COMPUTE_S, BLOCK = 5.0, bytes(2**20)


@dataclass(frozen=True)
class House:
    """A gateway, and the key of an account that has three years and a model fitted on them."""

    gateway: Running
    key: str


@contextmanager
def embedded(folder: Path) -> Iterator[House]:
    """As `make up` runs it, without any broker."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        gateway = start.gateway(FOREWATT_INFERENCE_URL=start.inference().url, FOREWATT_RATE_LIMIT="off")
        key = account(gateway.url, "orders")
        with Client(gateway.url, key) as client:
            client.forecast(YEAR, MONTH)
        yield House(gateway, key)


def account(url: str, name: str) -> str:
    """A new account with the generated series; its key."""
    with Client(url) as client:
        client.register(name, "123456", f"{name}@example.org")
        client.login(name, "123456")
        client.import_sample()
        return client.make_key(name)


def acknowledged(house: House, seconds: float) -> dict[str, float]:
    """P10: ms in which 99 of 100 orders are accepted at 50 a second, while they are worked on: the median of windows,
    and of the whole run. Raises ``VoidError``.
    """
    body = json.dumps({"year": YEAR, "month": MONTH, "modelType": "Ensemble"}).encode()
    url = f"{house.gateway.url}/api/forecast/submit"
    target = Target(url, [body], deadline_ms=10_000, headers={"X-API-Key": house.key})
    run(target, poisson(RATE, WARM_S, seed=9))
    log = run(target, poisson(RATE, seconds, seed=10))
    refuse_void([log], official=seconds >= STEADY_S)
    if (wrong := int((log.status != 202).sum())) > 0:
        raise RuntimeError(f"{wrong} of {len(log.status)} orders were not accepted; {log.summary()}")
    windows, whole = median_p99(log.latency, log.intended), percentile(log.latency, 0.99)
    return {"P10": 1000 * windows, "P10@whole": 1000 * whole}


def month_s(house: House, months: int) -> float:
    """P11: seconds within which 95 of 100 months are there, ordered one after the other, as a client polls for them."""
    taken = []
    with Client(house.gateway.url, house.key) as client:
        for _ in range(months):
            began = time.monotonic()
            client.forecast(YEAR, MONTH)
            taken.append(time.monotonic() - began)
    return float(np.percentile(taken, 95))


def months_a_minute(folder: Path, workers: int, months: Sequence[tuple[int, int]]) -> float:
    """A07: months done by so many workers behind one broker, ordered at once; for ``FITTED`` there is a model."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        knobs = {
            "CELERY_BROKER_URL": start.broker(),
            "FOREWATT_INFERENCE_URL": start.inference().url,
            "FOREWATT_RATE_LIMIT": "off",
        }
        gateway = start.gateway(**knobs)
        key = account(gateway.url, "months")
        crew = [start.begun([*WORKER, "--at-once", "1"], None, knobs) for _ in range(workers)]
        for worker in crew:
            worker.wait_until_ready()  # a start costs two workers more than one
        with Client(gateway.url, key) as client:
            client.forecast(*FITTED)
            began = time.monotonic()
            for number in [client.submit(*month).id for month in months]:
                client.wait(number)
            return 60 * len(months) / (time.monotonic() - began)


def plain_computing(processes: int) -> int:
    """What so many processes get done that do nothing but compute: two of them show what this machine has for two."""
    with ProcessPoolExecutor(processes) as pool:
        return sum(pool.map(_hashes, [COMPUTE_S] * processes))


def _hashes(seconds: float) -> int:
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.sha256(BLOCK).digest()
        count += 1
    return count


def months_back(count: int) -> list[tuple[int, int]]:
    """Months that were: each is foreseen from what was known before it, and so by a model of its own."""
    months, day = [], LAST
    for _ in range(count):
        months.append((day.year, day.month))
        day = day.replace(day=1) - timedelta(days=1)
    return months
