"""The names of all counters in one place; labels are short, closed lists, never an id or a path."""

from __future__ import annotations

import errno
import logging
from bisect import bisect_left
from collections.abc import Iterator
from importlib import metadata
from itertools import accumulate

from prometheus_client import REGISTRY, Counter, Gauge, Info, start_http_server
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.types import Scope

PORT, NEIGHBOURS = 9464, 16  # where nothing else is said, the first of so many that is free
# OpenTelemetry's advice for HTTP durations, so that both worlds draw the same curves.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Tallies(Collector):
    """A histogram of one event loop: plain numbers, made into Prometheus' when it looks."""

    def __init__(self, name: str, says: str, labels: tuple[str, ...]) -> None:
        self._name, self._says, self._labels = name, says, labels
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        """One more."""
        counts = self._counts.get(labels)
        if counts is None:
            self._sums[labels] = 0.0  # first: another thread may be collecting
            counts = self._counts[labels] = [0] * (len(SECONDS) + 1)
        counts[bisect_left(SECONDS, seconds)] += 1
        self._sums[labels] += seconds

    def collect(self) -> Iterator[Metric]:
        """The family, made now."""
        family = HistogramMetricFamily(self._name, self._says, labels=self._labels)
        bounds = [*map(floatToGoString, SECONDS), "+Inf"]
        for labels, counts in list(self._counts.items()):
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), self._sums[labels])
        yield family


HTTP_SECONDS = Tallies(
    "forewatt_http_request_duration_seconds",
    "From the request's head to the end of its answer.",
    ("route", "method", "code"),
)
INFERENCE_SECONDS = Tallies(
    "forewatt_inference_request_duration_seconds",
    "One hop to the inference server: answered, late, unreachable, garbled or abandoned.",
    ("outcome",),
)
for tallies in (HTTP_SECONDS, INFERENCE_SECONDS):
    REGISTRY.register(tallies)
# The same from every gateway on one database: look at one of them, or at the highest.
TASKS = Gauge("forewatt_task_state", "Tasks by their status.", ("state",))
TASK_AGE = Gauge("forewatt_task_age_seconds", "Since the oldest unfinished task was submitted; 0 where there is none.")
NOTIFICATIONS = Counter(
    "forewatt_alert_notifications", "Sendings over channels: sent or failed.", ("channel", "result")
)
# Readings by the door they came through and what became of them; and how old a batch's newest was when it was stored.
READINGS = Counter("forewatt_ingest_readings_total", "Readings that came.", ("door", "result"))
INGEST_LAG = Gauge("forewatt_ingest_lag_seconds", "Between a batch's newest reading and its storing.", ("door",))
DEAD_LETTERS = Counter("forewatt_ingest_dlq_total", "Readings and messages that were refused.", ("reason",))
BUILD = Info("forewatt_build", "What is running.")

log = logging.getLogger(__name__)


def version() -> str:
    """The installed version, or a mark that this is a bare checkout."""
    try:
        return metadata.version("forewatt")
    except metadata.PackageNotFoundError:
        return "0+checkout"


BUILD.info({"version": version()})


def route_of(scope: Scope) -> str:
    """The template of the route that took the request; one word for all addresses that no route takes."""
    return getattr(scope.get("route"), "path", None) or "unmatched"


def method_of(scope: Scope) -> str:
    """The method, or one word for all that nobody knows."""
    return scope["method"] if scope["method"] in METHODS else "OTHER"


def expose(host: str, port: int | None) -> int | None:
    """Prometheus reads there from now on, by threads of their own; gives the port, nothing for 0.

    Of several gateways on one machine each takes the next free one, unless it is told which. ``OSError`` where that
    is taken, or the host is none of ours.
    """
    if port == 0:
        return None
    for one in (port,) if port else range(PORT, PORT + NEIGHBOURS):
        try:
            start_http_server(one, host)
        except OSError as taken:
            if port or taken.errno != errno.EADDRINUSE:
                raise
        else:
            log.info("metrics for Prometheus are on %s, port %d", host, one)
            return one
    raise OSError(errno.EADDRINUSE, f"taken, and so are the {NEIGHBOURS - 1} after it")
