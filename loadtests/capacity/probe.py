"""One probe of a real server: wait until it is itself again, ask at a rate, note what it says of itself meanwhile."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from loadtests import questions, slo
from loadtests.answers import Log, percentile
from loadtests.capacity.verdicts import Outcome
from loadtests.open_loop import Target, run
from loadtests.questions import Questions
from loadtests.rights import shown
from loadtests.shapes import burst, poisson
from loadtests.watch import between, sample

SUITES: Mapping[str, Callable[[], Questions]] = {
    "infer": questions.tensors,
    "infer-batch": lambda: questions.tensors(8),
    "forecast": questions.forecasts,
}
DIRECT = {"/api/v1/forecasts": "/forecast"}  # where the inference server has what the gateway has elsewhere

DEADLINES = 4  # limits that a request may take: nothing is refused before the limit is long broken
CALMING_S, PAUSE_S = 20.0, 0.3
LONE = 10  # requests one after another that tell whether a server is calm
SPARE_FILES = 256


class NotCalmError(Exception):
    """A lone caller waits longer than the limit, or gets no answer, though nobody else asks."""


@dataclass(frozen=True)
class Prober:
    """Probes ``target`` against a p99 of ``limit_s``; ``metrics_url`` is where the inference server says how it is."""

    target: Target
    limit_s: float
    metrics_url: str = ""

    def __call__(self, rate: float, seconds: float, seed: int) -> Outcome:
        """Raises ``NotCalmError``."""
        began = time.monotonic()
        self.calm()
        time.sleep(PAUSE_S)
        first = sample(self.metrics_url)
        log = run(self._callers(rate), poisson(rate, seconds, seed))
        seen = between(first, sample(self.metrics_url)) | {"generator_cpu": log.cpu_share}
        del seen["second"]  # of this machine's clock
        latency = np.where(log.admitted, log.latency, np.inf)
        return Outcome(log.intended, latency, time.monotonic() - began, void_because(log, rate * self.limit_s), seen)

    def calm(self) -> float:
        """Wait until a lone caller is answered within the limit; his median, in seconds."""
        patience = max(CALMING_S, 10 * self.limit_s)
        until = time.monotonic() + patience
        lone = replace(self.target, connections=1, most=1, deadline_ms=min(1000 * patience, 60_000))
        while True:
            log = run(lone, burst(LONE))
            waited = np.where(log.admitted, log.ended - log.started, np.inf)
            if percentile(waited, 0.9) <= self.limit_s:
                return percentile(waited, 0.5)
            if time.monotonic() > until:
                statuses = sorted(set(log.status.tolist()))
                raise NotCalmError(f"a lone caller waits {percentile(waited, 0.9):.3g} s, statuses {statuses}")

    def _callers(self, rate: float) -> Target:
        """As many connections as a server that just keeps the limit needs; more for one that does not."""
        within_s = DEADLINES * self.limit_s
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES
        needed, most = math.ceil(rate * self.limit_s), math.ceil(2 * rate * within_s)
        return replace(
            self.target,
            deadline_ms=min(1000 * within_s, 60_000),
            connections=min(16 + needed, files),
            most=min(16 + most, files),
            patience_s=2 * within_s,
        )


def target(suite: str, url: str, *, direct: bool) -> Target:
    """The suite's questions to the gateway or the inference server at ``url``, with what lets a caller in."""
    asked = SUITES[suite]()
    path = DIRECT.get(asked.path, asked.path) if direct else asked.path
    return Target(url.rstrip("/") + path, asked.bodies, headers=shown(url))


def void_because(log: Log, crowd: float) -> list[str]:
    """As ``slo.void_because``; but what left late, or never, while a ``crowd`` was unanswered, the server delayed.

    So many come within the limit: if more are unanswered, the first of them are over it, whoever is late now.
    """
    sent, answered = np.sort(log.started), np.sort(log.ended)  # NaN is sorted to the end, and never reached
    unanswered = np.searchsorted(sent, log.intended) - np.searchsorted(answered, log.intended)
    excused = replace(log, started=np.where(unanswered >= max(crowd, 1), log.intended, log.started))
    return slo.void_because(excused, official=False)
