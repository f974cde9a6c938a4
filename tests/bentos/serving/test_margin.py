"""The margin of predictions grows where answers come too late, and goes back where they do not."""

import numpy as np
import pytest

from bentos.serving.margin import MISSED, UNSEEN_S, Margin

LEAST_S, MOST_S = 0.008, 0.05


def after(left_s):
    margin = Margin(LEAST_S, MOST_S)
    for left in left_s:
        margin.note(left)
    return margin.seconds


def test_answers_in_good_time_leave_it_where_it_was():
    assert after([0.1] * 1000) == LEAST_S


def test_late_ones_widen_it_up_to_its_bound_and_good_ones_bring_it_back():
    assert LEAST_S < after([-0.01] * 5) < MOST_S
    assert after([-0.01] * 1000) == MOST_S
    assert after([-0.01] * 10 + [0.1] * 10_000) == LEAST_S


@pytest.mark.parametrize("spread_s", [0.003, 0.005, 0.007])
def test_it_settles_where_as_few_are_late_as_it_promises(spread_s):
    random, margin, late = np.random.default_rng(3), Margin(LEAST_S, MOST_S), []
    for hiccup in random.exponential(spread_s, 40_000):  # who is admitted at the last moment, and what came in between
        left = margin.seconds - hiccup
        late.append(left < UNSEEN_S)
        margin.note(left)
    assert np.mean(late[10_000:]) == pytest.approx(MISSED, rel=0.25)
