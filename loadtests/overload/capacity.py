"""P4: how many requests a second keep the SLO, batched and one by one. P3: what batching costs a lone caller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import median

from loadtests.answers import percentile
from loadtests.open_loop import run
from loadtests.overload.callers import callers, data, overload
from loadtests.overload.model import MOST_ROWS, capacity
from loadtests.peers import forest
from loadtests.peers.environments import programs
from loadtests.peers.measure import measure, wait_for_answer
from loadtests.peers.processes import Server, serving
from loadtests.peers.roster import OURS
from loadtests.shapes import poisson
from loadtests.slo import P99_S, samples_needed

HALVINGS = 6
PATIENT_MS = 2_000  # a deadline that sheds nothing before the SLO is long broken


def batching_gain(seconds: float) -> float:
    """The highest rate within the SLO with batches over the one without."""
    return _highest_rate(MOST_ROWS, seconds) / _highest_rate(1, seconds)


def _highest_rate(batch_rows: int, seconds: float) -> float:
    """By bisection between a tenth of the capacity, which is taken to pass, and all of it, which cannot."""
    low, high = 0.1 * capacity(batch_rows), capacity(batch_rows)
    with overload(batch_rows) as server:
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if _keeps_the_slo(server, middle, seconds) else (low, middle)
    print(f"{low:.1f} requests a second within the SLO, at most {batch_rows} rows a batch", flush=True)
    return low


def _keeps_the_slo(server: Server, rate: float, seconds: float) -> bool:
    length = max(seconds, 1.5 * samples_needed(0.99, 0) / rate)
    log = run(callers(server, deadline_ms=PATIENT_MS), poisson(rate, length, seed=3))
    p99 = percentile(log.latency, 0.99) if log.admitted.all() else float("inf")
    print(f"{rate:.1f}/s: p99 {1000 * p99:.1f} ms", flush=True)
    return p99 <= P99_S


def lone_caller_ratio(rounds: int, seconds: float) -> float:
    """The forest's median for one caller who waits for each answer: with batching over without, turn by turn."""
    graph = forest.exported(data())
    workplaces = [data() / "ours", data() / "ours-unbatched"]
    for workplace in workplaces:
        workplace.mkdir(parents=True, exist_ok=True)
    questions = workplaces[0] / "questions.jsonl"
    questions.write_bytes(b"\n".join(OURS.body(row) for row in forest.rows()) + b"\n")
    unbatched = replace(OURS, environment={"FOREWATT_BATCH_ROWS": "1"})
    place = programs(OURS, data())
    with serving(OURS, place, graph, workplaces[0]) as on, serving(unbatched, place, graph, workplaces[1]) as off:
        for server in (on, off):
            wait_for_answer(server.url, OURS.body(forest.rows()[0]))
        pairs = [(_median_ms(on, questions, seconds), _median_ms(off, questions, seconds)) for _ in range(rounds)]
    print("lone caller, with and without batching, p50 ms: " + ", ".join(f"{a:.3f} {b:.3f}" for a, b in pairs))
    return median(a for a, _ in pairs) / median(b for _, b in pairs)


def _median_ms(server: Server, questions: Path, seconds: float) -> float:
    return measure(server, questions, 1, seconds).p50_ms
