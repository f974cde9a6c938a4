"""A past lived through once more: what would have been raised, told, and can be looked up without any model."""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from alarms import DAY, HOUR, MINUTE, START, finding, healthy

from gateway.demo import months, page, replayed


def past(levels, *, gaps=(), acknowledged=None):
    """An hour for each level."""
    said = [finding(level=level, at=START + n * HOUR) if level else healthy(at=START + n * HOUR) for n, level in levels]
    return replayed.play(said, gaps, START + len(levels) * HOUR, acknowledged)


def test_an_alert_is_listed_with_its_begin_its_end_its_highest_level_and_its_chances():
    found = past([*enumerate([0, 0, 2, 2, 3, 3, 0, 0, 0])])
    (alert,) = found.alerts
    assert (alert.row.fault, alert.level) == ("F-FILTER", 3)
    assert (alert.begin, alert.end) == (START + 3 * HOUR, START + 6 * HOUR + 30 * MINUTE)
    assert alert.chance < alert.peak
    assert alert.evidence == ["FLT-1: dP up"]
    assert [notice.kind for notice in found.notices] == ["raised", "raised", "escalated", "escalated", "cleared"]


def test_who_acknowledges_is_not_called_again():
    levels = [*enumerate([4] * 6)]
    alone, calm = (past(levels, acknowledged=after) for after in (None, 10 * MINUTE))
    assert [notice.kind for notice in alone.notices] == ["raised", *["escalated"] * 3]
    assert [notice.kind for notice in calm.notices] == ["raised", "escalated"]
    assert len(calm.alerts) == len(alone.alerts) == 1


def test_a_gap_that_listeners_would_have_noticed_is_a_silence_of_its_own():
    times = [START, START + HOUR, START + 6 * HOUR, START + 7 * HOUR]
    gaps = replayed.silences("AHU-1", times, HOUR)
    assert [(gap.since, gap.until) for gap in gaps] == [(START + HOUR, START + 6 * HOUR)]
    found = past([(0, 0), (6, 0), (7, 0)], gaps=gaps)
    (silence,) = found.silences
    assert START + 2 * HOUR < silence.begin < START + 2 * HOUR + 2 * MINUTE
    assert silence.end == START + 6 * HOUR
    assert found.alerts == []


def test_a_temperature_that_stood_still_for_a_day_is_seen_and_one_that_moved_is_not():
    rows = [
        (START + n * HOUR, {"supply_air_temperature": 70.0 if 5 <= n < 40 else n * 0.1, "supply_fan_speed": 50.0})
        for n in range(60)
    ]
    (found,) = page.still(rows)
    assert (found.point, found.value, found.until - found.since) == (
        "supply_air_temperature",
        70.0,
        timedelta(hours=34),
    )
    assert found.since == START + 5 * HOUR
    assert found.until - found.since > DAY


def test_the_command_is_shown_as_anybody_can_give_it(monkeypatch):
    monkeypatch.setenv("FOREWATT_SHARED", "/a/place")
    said = months.shown(["/a/place/data/model.ttl", "--on", "x=A B>5"])
    assert said == "python -m gateway.demo.months $FOREWATT_SHARED/data/model.ttl --on 'x=A B>5'"
