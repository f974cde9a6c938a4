"""What the server counts. Labels are a model's name, its version, whether rows or questions were asked, and a reason
out of few: never a caller's word.

Plain numbers, turned into Prometheus' families only when somebody looks: under BentoML the client library writes every
observation through a file shared between processes, which costs more than a small model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
MODEL = ("model", "version")
WORK = (*MODEL, "work")  # rows, or questions


class Tally:
    """A histogram of one event loop."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus has them."""
        bounds, total, found = [*map(str, self._bounds), "+Inf"], 0, []
        for bound, count in zip(bounds, self._counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Counted:
    """A batcher's observer for one version of a model; ``labels`` are those of WORK."""

    def __init__(self, labels: tuple[str, str, str], depth: Callable[[], int]) -> None:
        self.labels, self.depth = labels, depth
        self.wait, self.compute, self.rows = Tally(SECONDS), Tally(SECONDS), Tally(ROWS)
        self.reasons: Counter[str] = Counter()
        self.reruns = 0
        self.waited = self.wait.observe

    def computed(self, rows: int, seconds: float, calls: int) -> None:
        """A batch came to its end after ``calls`` of the model."""
        self.rows.observe(rows)
        self.compute.observe(seconds)
        self.reruns += calls - 1

    def shed(self, reason: str) -> None:
        """A request was refused or dropped."""
        self.reasons[reason] += 1


class Counts(Collector):
    """All observers of a process, as Prometheus reads them."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str, str], Counted] = {}

    def add(self, counted: Counted) -> None:
        """Counts from now on; a version that is loaded again starts anew."""
        self._counted[counted.labels] = counted

    def remove(self, name: str, version: str) -> None:
        """A version that cannot be asked any more."""
        self._counted = {labels: kept for labels, kept in self._counted.items() if labels[:2] != (name, version)}

    def collect(self) -> Iterator[Metric]:
        """The families, made now."""
        wait = HistogramMetricFamily("forewatt_queue_wait_seconds", "Arrival to start of the batch", labels=WORK)
        compute = HistogramMetricFamily("forewatt_batch_compute_seconds", "Start of a batch to its end", labels=WORK)
        rows = HistogramMetricFamily("forewatt_batch_rows", "Rows in a batch", labels=WORK)
        depth = GaugeMetricFamily("forewatt_queue_rows", "Rows that wait", labels=WORK)
        loaded = GaugeMetricFamily("forewatt_model_info", "1 for a version that can be asked", labels=MODEL)
        reruns = CounterMetricFamily("forewatt_isolation_runs", "Extra calls to find rows that fail", labels=WORK)
        shed = CounterMetricFamily("forewatt_admission_rejected", "Not computed", labels=(*WORK, "reason"))
        for version in {labels[:2] for labels in self._counted}:
            loaded.add_metric(version, 1)
        for labels, counted in self._counted.items():
            for family, tally in ((wait, counted.wait), (compute, counted.compute), (rows, counted.rows)):
                family.add_metric(labels, tally.buckets(), tally.sum)
            depth.add_metric(labels, counted.depth())
            reruns.add_metric(labels, counted.reruns)
            for reason, count in counted.reasons.items():
                shed.add_metric((*labels, reason), count)
        yield from (wait, compute, rows, depth, loaded, reruns, shed)


COUNTS = Counts()
_REGISTRY = CollectorRegistry()
_REGISTRY.register(COUNTS)
ProcessCollector(registry=_REGISTRY)  # this process's own: BentoML, which may have several, tells nothing of any


def exposition() -> str:
    """In Prometheus' text format."""
    return generate_latest(_REGISTRY).decode()
