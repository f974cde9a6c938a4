"""Stages, and when their requests are due."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import shapes
from loadtests.shapes import SHAPES, Stage, arrivals, length_s, level_at

stages = st.lists(st.builds(Stage, st.floats(0.5, 20), st.floats(0, 200), st.floats(0, 200)), min_size=1, max_size=5)


@given(stages)
def test_as_many_arrivals_are_planned_as_the_levels_add_up_to(planned):
    expected = sum(stage.seconds * (stage.start + stage.end) / 2 for stage in planned)
    due = arrivals(planned)
    assert abs(len(due) - expected) <= 1
    assert (np.diff(due) >= 0).all()
    assert not len(due) or 0 <= due[0] <= due[-1] <= length_s(planned)


def test_even_arrivals_of_a_steady_shape_are_those_of_its_rate():
    np.testing.assert_allclose(arrivals(shapes.steady(50, 4)), shapes.constant(50, 4), atol=1e-9)


def test_a_ramp_sends_a_quarter_of_its_requests_in_its_first_half():
    due = arrivals(shapes.ramp(100, 60))
    assert np.mean(due < 30) == pytest.approx(0.25, abs=0.001)


def test_poisson_arrivals_follow_the_stages_and_repeat_with_their_seed():
    spike = shapes.spike(100, 100)
    due = arrivals(spike, seed=5)
    assert np.array_equal(due, arrivals(spike, seed=5))
    in_the_rush = np.sum((due >= 45) & (due < 55))
    assert in_the_rush == pytest.approx(5000, abs=300)
    gaps = np.diff(due[due < 45])
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)  # exponential: as wide as they are long


def test_the_level_goes_in_a_straight_line_and_stays_where_it_ends():
    planned = [Stage(10, 0, 100), Stage(5, 20, 20)]
    assert [level_at(planned, second) for second in (-1, 0, 5, 10, 12, 99)] == [0, 0, 50, 20, 20, 20]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_lasts_as_long_as_it_is_told_and_a_soak_at_least_an_hour(name):
    assert length_s(SHAPES[name](10, 60)) == pytest.approx(3600 if name == "soak" else 60)


def test_stress_ends_at_sixteen_times_its_level():
    assert [stage.end for stage in shapes.stress(10, 50)] == [10, 20, 40, 80, 160]
