"""The arithmetic of the overload model, and what is read out of a run."""

import numpy as np
import pytest

from loadtests.answers import Log
from loadtests.overload.goodput import recovered_after
from loadtests.overload.model import batch_s, capacity, rows_within


def test_capacity_is_full_batches_one_after_the_other():
    assert batch_s(64) == pytest.approx(0.084)
    assert capacity() == pytest.approx(64 / 0.084)
    assert capacity(1) == pytest.approx(1 / 0.021)


def test_a_deadline_holds_five_full_batches_and_most_of_a_sixth():
    assert rows_within(0.5) == 5 * 64 + 60
    assert rows_within(0.02) == 0


@pytest.mark.parametrize(("slow_s", "recovered"), [(0, 0), (1.5, 1.5), (20, 15)])
def test_recovery_ends_when_every_second_from_then_on_is_within_the_slo(slow_s, recovered):
    due = np.arange(0, 17, 0.01)
    latency = np.where(due < 2 + slow_s, 0.4, 0.05)
    nobody = np.zeros(len(due), bool)
    log = Log(due, due, due + latency, np.full(len(due), 200), nobody, [], 0.5, 0.0, 17.0, 1.0)
    assert recovered_after(log, overload_s=2) == pytest.approx(recovered, abs=0.11)
