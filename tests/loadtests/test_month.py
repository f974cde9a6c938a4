"""What two months of a fleet are made of, and what is counted of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from gateway.alerts.findings import Finding
from gateway.demo import replayed
from loadtests import month
from training.laboratory.faults import Episode

BEGIN = datetime(2021, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = (1, 6, 24, 72, 168, 336)


def found(unit, hour, level):
    chances = dict.fromkeys(HOURS, 0.1 + 0.2 * level)
    return Finding(unit, BEGIN + hour * HOUR, level, "F-FILTER" if level else None, chances)


def life(unit, levels):
    return [found(unit, hour, level) for hour, level in enumerate(levels)]


def test_in_half_of_the_fleet_something_breaks_after_the_month_that_its_reference_is_made_of():
    units = month.fleet(6)
    assert len({unit.name for unit in units}) == 6
    assert {unit.split for unit in units} == {"test"}
    broken = [unit for unit in units if unit.episodes]
    assert len(broken) == 3
    for unit in broken:
        assert unit.episodes[0].onset >= unit.moments[0] + timedelta(days=month.HEALTHY_DAYS)


def test_alerts_are_counted_by_the_highest_level_that_was_told_and_messages_by_the_day():
    findings = (
        life("low", [1] * 24) + life("high", [1] * 12 + [3] * 12) + life("worst", [4] * 24) + life("well", [0] * 24)
    )
    past = replayed.play(findings, [], BEGIN + 24 * HOUR, month.ACKNOWLEDGED)
    figures = month.judged(past, days=1)
    assert Counter(one.level for one in past.alerts) == {1: 1, 3: 1, 4: 1}
    assert figures["L1"] == len(past.notices)
    assert figures["L4"] == pytest.approx(200 / 3 - 5, abs=0.1)


def test_a_repair_waits_for_the_first_call_about_this_fault():
    onset = pd.Timestamp(BEGIN + 10 * HOUR)
    episode = Episode("F-FILTER", "", onset, onset + 10 * HOUR, onset + 30 * HOUR, 1.0, 1.5)
    early = life("u", [3] * 2 + [0] * 8 + [0] * 10 + [3] * 20)
    told = month._first_told(early, episode)
    assert onset + 10 * HOUR <= told < episode.repair
    assert month._first_told(life("u", [0] * 40), episode) is None
