from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from training.laboratory.campaign import Recipe, Unit, draw_campaign, episode_table
from training.laboratory.faults import ABRUPT, FAULTS, SLOW, Episode, effects, severity

DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.open("laboratory")


@pytest.fixture(scope="module")
def campaign(recipe) -> list[Unit]:
    return draw_campaign(recipe)


@pytest.fixture(scope="module")
def episodes(campaign) -> pd.DataFrame:
    return episode_table(campaign)


def ramp(**differs) -> Episode:
    onset = pd.Timestamp("2017-05-01T12:00Z")
    return replace(Episode("F-FILTER", "", onset, onset + 20 * DAY, onset + 24 * DAY, 1.5, 1.3), **differs)


def test_severity_is_none_at_the_onset_one_at_the_limit_and_none_after_the_repair():
    moments = pd.DatetimeIndex([ramp().onset, ramp().onset + 10 * DAY, ramp().functional_limit, ramp().repair])
    assert severity(ramp(), moments).round(3).tolist() == [0, round(0.5**1.5, 3), 1, 1.3]
    assert severity(ramp(), moments + 25 * DAY).tolist() == [0, 0, 0, 0]


def test_an_abrupt_fault_is_whole_from_its_onset_to_its_repair():
    stuck = ramp(fault="F-OAD-STUCK", limit=0.4)
    moments = pd.DatetimeIndex([stuck.onset, stuck.onset + DAY / 96, stuck.repair, stuck.repair + DAY / 96])
    assert severity(stuck, moments).tolist() == [0, 1, 1, 0]
    table = effects([stuck], moments)
    assert table["damper_stuck"].tolist() == [0, 1, 1, 0]
    assert table["damper_stuck_at"].tolist() == [0, 0.4, 0.4, 0]


def test_without_an_episode_no_effect_is_anything_but_zero():
    assert not effects([], pd.date_range("2017-01-01", periods=10, freq="15min", tz="UTC")).any().any()


def test_the_test_holds_400_slow_episodes_and_30_of_each_type(episodes):
    slow = episodes[(episodes["split"] == "test") & (episodes["kind"] == "slow")]
    assert len(slow) >= 400
    assert set(slow["fault"]) == set(SLOW)
    assert slow["fault"].value_counts().min() >= 30
    assert set(episodes["fault"]) == {*FAULTS, "none"}
    assert len(FAULTS) >= 10
    assert ABRUPT


def test_nothing_of_the_test_was_drawn_for_training(episodes, campaign):
    test, learnt = (episodes[(episodes["split"] == "test") == held] for held in (True, False))
    assert set(test["climate"]) - set(learnt["climate"]) == {"golden"}
    assert (test["climate"] == "golden").mean() > 0.4
    assert set(test["building"]) & set(learnt["building"]) == set()
    assert test["building"].nunique() >= 3
    drawn = {held: {unit.building for unit in campaign if (unit.split == "test") == held} for held in (True, False)}
    assert drawn[True] & drawn[False] == set()
    assert {u.year for u in campaign if u.split == "test"} & {u.year for u in campaign if u.split != "test"} == set()
    slow_test, slow_learnt = (table[table["kind"] == "slow"] for table in (test, learnt))
    assert set(slow_test["shape"]) & set(slow_learnt["shape"]) == set()
    for fault, rows in slow_test.groupby("fault"):
        assert set(rows["limit"].abs()) & set(slow_learnt["limit"][slow_learnt["fault"] == fault].abs()) == set()


def test_episodes_leave_healthy_weeks_before_between_and_after(campaign, recipe):
    for unit in campaign:
        end = unit.moments[0] + (recipe.first_healthy_days - 1) * DAY
        for episode in unit.episodes:
            assert episode.onset >= end
            assert episode.onset <= episode.functional_limit < episode.repair
            if not FAULTS[episode.fault].abrupt:
                assert 14 * DAY - DAY / 96 <= episode.functional_limit - episode.onset <= 35 * DAY
            end = episode.repair + (recipe.healthy_days - 1) * DAY
        assert end - (recipe.healthy_days - 1) * DAY <= unit.moments[-1]


def test_the_same_recipe_draws_the_same_campaign_and_another_seed_another(recipe):
    few = replace(recipe, units={"train": 3, "validation": 1, "test": 2})
    assert draw_campaign(few) == draw_campaign(few)
    assert draw_campaign(few) != draw_campaign(replace(few, seed=7))


def test_more_units_to_learn_from_leave_those_of_the_test_as_they_were_frozen(recipe, campaign):
    fewer = draw_campaign(replace(recipe, units={**recipe.units, "train": 48}))
    assert {unit.name: unit for unit in fewer}.items() <= {unit.name: unit for unit in campaign}.items()
    assert [unit for unit in fewer if unit.split != "train"] == [unit for unit in campaign if unit.split != "train"]


def test_a_recipe_that_is_not_there_is_said_to_be_missing():
    with pytest.raises(ValueError, match="no recipe 'other'"):
        Recipe.open("other")
