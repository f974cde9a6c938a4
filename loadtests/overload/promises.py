"""P5, P6, P9: a row's answer is its own, a bad row fails alone, and nobody's work is done after he has left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from loadtests.answers import HUNG_UP
from loadtests.open_loop import Target, run
from loadtests.overload.callers import batches, callers, data, overload, question
from loadtests.overload.model import capacity
from loadtests.peers import forest
from loadtests.peers.environments import programs
from loadtests.peers.measure import wait_for_answer
from loadtests.peers.processes import serving
from loadtests.peers.roster import OURS
from loadtests.shapes import Floats, burst, poisson
from loadtests.slo import DEADLINE_MS

PATIENT_MS = 60_000
SWAPPED = 1e-6  # no two rows' predictions are as close, but by chance
LEFT_S, NOTICED_S = 0.1, 0.1  # callers leave so soon; the server may take so long to notice
LEAVING_S = 3.0


def answers_of_their_own(count: int) -> dict[str, float]:
    """P5: 64 at a time ask the forest different rows; the largest difference to what the same server tells each row
    alone. P5b: rows mixed up, by what ONNX Runtime tells each.
    """
    graph = forest.exported(data())
    rows = np.random.default_rng(5).normal(size=(count, forest.FEATURES)).round(6)
    workplace = data() / "ours"
    workplace.mkdir(parents=True, exist_ok=True)
    with serving(OURS, programs(OURS, data()), graph, workplace) as server:
        bodies = [OURS.body(row) for row in rows]
        wait_for_answer(server.url, bodies[0])
        together, alone = (_served(server.url, bodies, callers) for callers in (64, 1))
    swapped = np.abs(together - forest.answers(graph, rows)) > SWAPPED
    return {"P5": float(np.abs(together - alone).max()), "P5b": float(swapped.sum())}


def _served(url: str, bodies: Sequence[bytes], callers: int) -> Floats:
    """What is answered to each, asked by so many at a time."""
    crowd = Target(url, bodies, PATIENT_MS, connections=callers, most=callers, patience_s=600, keep_bodies=True)
    log = run(crowd, burst(len(bodies)))
    if lost := int((~log.admitted).sum()):
        raise SystemExit(f"{lost} of {len(bodies)} rows were not answered; {sorted(set(log.status.tolist()))}")
    return np.array([forest.prediction(body) for body in log.bodies])


def errors_for_one_bad_row(tries: int) -> float:
    """P6: while another batch runs, 64 callers gather, one of them with a row that the model fails on.

    The most errors of all tries; 64 where the wrong ones, or nobody, got one.
    """
    worst = 0
    with overload() as server:
        for bad in range(1, tries + 1):
            bodies = [question(0), *(question(-1 if place == bad else place) for place in range(1, 65))]
            arrivals = np.append(burst(1, at=0.1), burst(64, at=0.11))
            log = run(Target(server.url, bodies, PATIENT_MS, connections=65, keep_bodies=True), arrivals)
            failed = np.flatnonzero(log.status != 200).tolist()
            named = failed == [bad] and b'"row":0' in log.bodies[bad].replace(b" ", b"")
            print(f"bad row {bad} of 64: {failed} failed, row named: {named}", flush=True)
            worst = max(worst, len(failed) if bad in failed else 64)
    return float(worst)


def work_for_nobody() -> float:
    """P9, at twice the capacity: batches beside a running one, and rows begun long after their callers had left."""
    arrivals = poisson(2 * capacity(), LEAVING_S, seed=9)
    with overload() as server:
        start = len(batches())
        log = run(replace(callers(server, len(arrivals)), hang_up_s=LEFT_S), arrivals)
        run(callers(server), burst(1, at=DEADLINE_MS / 1000))  # whatever would still be done is done by then
        computed = batches()[start:-1]
    noticed = log.began + log.started + LEFT_S + NOTICED_S
    rows = [(batch.began, int(number) - 1) for batch in computed for number in batch.rows]
    late = sum(began > noticed[place] for began, place in rows)
    beside = sum(later.began < batch.ended for batch, later in pairwise(computed))
    left = int((log.status == HUNG_UP).sum())
    print(f"{left} of {len(arrivals)} left; {len(rows)} rows computed, {late} too late, {beside} batches beside others")
    return float(late + beside)
