"""What a server says of itself while it is asked: its Prometheus page once a second, as a row a second.

It may run inside a load generator, also one that gevent has patched: it asks in a thread, and nothing that the server
does or leaves raises here. What it does not tell is ``None``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

Row: TypeAlias = dict[str, float | None]

WAIT, COMPUTE, ROWS = "forewatt_queue_wait_seconds", "forewatt_batch_compute_seconds", "forewatt_batch_rows"
DEPTH, REJECTED = "forewatt_queue_rows", "forewatt_admission_rejected_total"
CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"
NAMES = (*(f"{name}_{end}" for name in (WAIT, COMPUTE, ROWS) for end in ("sum", "count")), DEPTH, REJECTED, CPU, MEMORY)

EVERY_S, PATIENCE_S = 1.0, 0.9


@dataclass(frozen=True)
class Sample:
    """What a server had counted at a moment of the monotonic clock, by metric, all its labels together."""

    at: float
    counted: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def sample(url: str, timeout_s: float = PATIENCE_S) -> Sample:
    """Ask once; ``url`` without a path means ``/metrics``. Empty where no such page comes."""
    try:
        text = _page(url, timeout_s)
        return Sample(time.monotonic(), read(text))
    except (OSError, HTTPException, ValueError):
        return Sample(time.monotonic())


def read(text: str) -> dict[str, float]:
    """Sums over labels, of the metrics that are watched. Raises ``ValueError`` for what is no such page."""
    wanted = [line for line in text.splitlines() if line.startswith(NAMES)]  # a page has hundreds of others
    counted: dict[str, float] = {}
    for family in text_string_to_metric_families("\n".join([*wanted, ""])):
        for told in family.samples:
            if told.name in NAMES:
                counted[told.name] = counted.get(told.name, 0.0) + told.value
    if DEPTH in counted:
        counted.setdefault(REJECTED, 0.0)  # a label that has counted nothing is not on the page
    return counted


def between(first: Sample, last: Sample) -> Row:
    """Means over the time between, gauges at its end."""
    seconds = last.at - first.at
    rejected, cpu = _grown(first, last, REJECTED), _grown(first, last, CPU)
    return {
        "second": round(last.at),
        "queue_wait_ms": _mean(first, last, WAIT, 1000),
        "batch_rows": _mean(first, last, ROWS, 1),
        "compute_ms": _mean(first, last, COMPUTE, 1000),
        "queue_rows": last.counted.get(DEPTH),
        "rejected_per_s": _over(rejected, seconds),
        "cpu_share": _over(cpu, seconds),
        "rss_mb": _over(last.counted.get(MEMORY), 1e6),
    }


class Watch:
    """Samples in a thread from ``start`` to ``stop``; a row's second counts from the start."""

    def __init__(self, url: str, every_s: float = EVERY_S) -> None:
        self._url, self._every_s = url, every_s
        self._samples: list[Sample] = []
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def start(self) -> None:
        """The first call counts; without an address there is nothing to do."""
        if self._url and self._thread is None:
            self._began = time.monotonic()
            self._thread = threading.Thread(target=self._collect, name="watch", daemon=True)
            self._thread.start()

    def stop(self) -> list[Row]:
        """The rows so far."""
        self._stopped.set()
        if self._thread:
            self._thread.join(2 * PATIENCE_S)
        samples = self._samples[:]
        return [between(*pair) for pair in pairwise(samples)]

    def _collect(self) -> None:
        while True:
            one = sample(self._url)
            self._samples.append(replace(one, at=one.at - self._began))
            left = self._every_s * len(self._samples) - (time.monotonic() - self._began)
            if self._stopped.wait(max(left, 0.0)):
                return


def _page(url: str, timeout_s: float) -> str:
    address = urlsplit(url)
    if not address.hostname:
        raise ValueError(f"{url!r} names no server.")
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname, address.port, timeout=timeout_s)
    try:
        connection.request("GET", address.path.rstrip("/") or "/metrics")
        answer = connection.getresponse()
        page = answer.read()
        return page.decode(errors="replace") if answer.status == 200 else ""
    finally:
        connection.close()


def _grown(first: Sample, last: Sample, name: str) -> float | None:
    """``None`` also where it shrank: the server was started anew."""
    if name not in first.counted or name not in last.counted:
        return None
    grown = last.counted[name] - first.counted[name]
    return grown if grown >= 0 else None


def _mean(first: Sample, last: Sample, name: str, unit: float) -> float | None:
    mean = _over(_grown(first, last, f"{name}_sum"), _grown(first, last, f"{name}_count"))
    return None if mean is None else unit * mean


def _over(value: float | None, share: float | None) -> float | None:
    return value / share if value is not None and share else None
