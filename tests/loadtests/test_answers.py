"""Percentiles, verdicts and arrivals on runs that were written by hand."""

import math

import numpy as np
import pytest

from loadtests import shapes, slo
from loadtests.answers import Log, median_p99, percentile


def written(latency, *, due=None, late=0.0, cpu_s=0.1, status=200) -> Log:
    count = len(latency)
    due = np.zeros(count) if due is None else due
    times = (due, due + late, due + latency)
    return Log(*times, np.full(count, status), np.zeros(count, bool), [], 0.5, 0.0, 1.0, cpu_s)


def steady(count=6000, **what) -> Log:
    return written(np.full(count, 0.01), due=np.linspace(0, 60, count), **what)


def test_a_percentile_is_the_value_that_so_many_do_not_exceed():
    hundred = np.arange(1, 101) / 1000
    assert [percentile(hundred[::-1], p) for p in (0.5, 0.9, 0.99, 1.0)] == [0.05, 0.09, 0.099, 0.1]
    assert percentile(np.array([3.0]), 0.01) == 3.0
    assert math.isnan(percentile(np.array([]), 0.5))


def test_what_was_never_answered_counts_as_the_slowest():
    latency = np.array([0.1] * 8 + [np.nan] * 2)
    log = written(latency)
    assert percentile(log.latency, 0.8) == 0.1
    assert percentile(log.latency, 0.9) == math.inf
    assert log.good.sum() == 8


def test_latency_counts_from_when_a_request_was_due():
    log = written(np.array([0.6]), late=0.55)
    assert log.latency[0] == 0.6
    assert not log.good.any()


def test_only_200_in_time_is_good():
    assert written(np.array([0.5, 0.51])).good.tolist() == [True, False]
    assert not written(np.array([0.1]), status=503).good.any()


def test_a_long_punctual_run_is_valid():
    assert slo.void_because(steady()) == []


@pytest.mark.parametrize(
    ("log", "word"),
    [
        (steady(cpu_s=0.81), "generator"),
        (steady(late=0.2), "due"),
        (steady(late=np.where(np.arange(6000) == 7, np.nan, 0)), "never sent"),
        (written(np.full(6000, 0.01), due=np.linspace(0, 30, 6000)), "60 s"),
        (steady(400), "459"),
    ],
)
def test_a_run_that_fails_a_gate_is_void_and_says_why(log, word):
    assert word in " ".join(slo.void_because(log))


def test_unofficial_runs_may_be_short_and_small_but_not_late():
    assert slo.void_because(written(np.full(5, 0.01)), official=False) == []
    assert slo.void_because(written(np.full(5, 0.01), late=0.2), official=False) != []


@pytest.mark.parametrize(
    ("share", "over", "needed"),
    [(0.9, 0, 44), (0.9, 50, 681), (0.95, 2, 165), (0.99, 0, 459), (0.99, 5, 1307), (0.999, 1, 6636)],
)
def test_claims_need_as_many_samples_as_mlperf_says(share, over, needed):
    assert slo.samples_needed(share, over) == needed


def test_a_claim_holds_with_enough_samples_only():
    assert slo.holds(np.full(459, 0.1), 0.99, 0.15)
    assert not slo.holds(np.full(458, 0.1), 0.99, 0.15)
    assert not slo.holds(np.append(np.full(459, 0.1), np.inf), 0.99, 0.15)


def test_arrivals_come_as_often_as_asked():
    assert shapes.constant(50, 2).tolist() == [n / 50 for n in range(100)]
    assert shapes.burst(3, at=1.0).tolist() == [1.0, 1.0, 1.0]
    gaps = np.diff(shapes.poisson(100, 50, seed=7))
    assert gaps.min() >= 0
    assert gaps.mean() == pytest.approx(0.01, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)
    assert (shapes.poisson(100, 1, seed=7) == shapes.poisson(100, 1, seed=7)).all()


def test_a_moment_without_a_machine_spoils_one_window_and_not_the_median():
    due = np.arange(0, 30, 0.1)
    waited = np.full(300, 0.02)
    waited[(due >= 10) & (due < 11)] = 0.9
    assert percentile(waited, 0.99) == 0.9
    assert median_p99(waited, due) == 0.02
    assert median_p99(np.append(waited, 0.5), np.append(due, 31)) == pytest.approx(0.26)
    assert math.isnan(median_p99(waited[:0], due[:0]))
