"""What a batch will cost, from what batches of some sizes did cost."""

from __future__ import annotations

import pytest

from bentos.serving.cost import fit_cost, measure_cost


def test_a_cost_lies_between_its_measured_neighbours_and_a_hiccup_does_not_bend_it():
    cost = fit_cost({1: [0.001] * 4 + [0.5], 4: [0.004] * 5, 8: [0.006] * 5}, 8)
    assert cost.of(1) == 0.001
    assert cost.of(2) == pytest.approx(0.002)
    assert cost.of(6) == pytest.approx(0.005)
    assert cost.of(0) == 0.0


def test_more_rows_never_cost_less_whatever_was_measured():
    cost = fit_cost({1: [0.005], 4: [0.004], 8: [0.006]}, 8)
    assert list(cost.seconds) == sorted(cost.seconds)


@pytest.mark.parametrize(("seconds", "rows"), [(0.0, 0), (0.0009, 0), (0.001, 1), (0.0045, 4), (9.0, 8), (-1.0, -1)])
def test_the_largest_batch_that_ends_in_time(seconds, rows):
    assert fit_cost({1: [0.001], 8: [0.008]}, 8).rows_within(seconds) == rows


@pytest.mark.parametrize("most", [1, 2, 3, 64])
def test_all_sizes_are_measured_on_rows_that_differ(most):
    seen: list[list[int]] = []
    cost = measure_cost(lambda rows: seen.append(list(rows)), range(1000), most)
    assert len(cost.seconds) == most + 1
    assert {len(rows) for rows in seen} >= {1, most}
    assert all(len(set(rows)) == len(rows) for rows in seen)
