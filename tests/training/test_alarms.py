from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training.alarm_scores import calibration_error, figures, intervals, outcome, set_alarm
from training.alarms import Alert, Life, Policy, Verdicts, alerts, cost, events, false_alerts
from training.early_warning import Episode

BEGIN = pd.Timestamp("2021-01-01", tz="UTC")
DAY, HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)
FILTER = Episode("F-FILTER", True, BEGIN + 40 * DAY, BEGIN + 60 * DAY, BEGIN + 62 * DAY)
LIFE = Life("one", BEGIN, BEGIN + 100 * DAY, [FILTER])
POLICY = Policy(0.7, 0.4, 24 * HOUR)


def said(*high: tuple[float, float], code: str = "F-FILTER", every: str = "6h") -> Verdicts:
    """0.9 between the days of each pair, 0.1 otherwise."""
    at = pd.date_range(BEGIN, BEGIN + 100 * DAY, freq=every)
    day = np.asarray((at - BEGIN) / DAY, float)
    score = np.full(len(at), 0.1)
    for first, last in high:
        score[(day >= first) & (day <= last)] = 0.9
    return Verdicts(at, score, np.full(len(at), code))


def test_an_alert_begins_once_the_score_has_held_and_ends_once_it_has_been_low_as_long() -> None:
    (alert,) = alerts(said((10, 20)), POLICY)
    assert alert == Alert(BEGIN + 11 * DAY, BEGIN + 21 * DAY + 6 * HOUR, "F-FILTER")


def test_a_score_that_is_high_for_less_than_the_hold_raises_nothing() -> None:
    assert alerts(said((10, 10.75)), POLICY) == []


def test_a_score_between_the_two_thresholds_neither_raises_nor_ends_an_alert() -> None:
    verdicts = said((10, 20))
    verdicts.score[verdicts.score < 0.5] = 0.5
    (alert,) = alerts(verdicts, POLICY)
    assert alert.end is None


def test_how_often_a_detector_is_asked_does_not_move_its_alerts_by_more_than_an_interval() -> None:
    (often,), (seldom,) = alerts(said((10, 20), every="1h"), POLICY), alerts(said((10, 20), every="12h"), POLICY)
    assert abs(often.begin - seldom.begin) <= 12 * HOUR


def test_an_alert_between_onset_and_limit_is_seen_with_its_lead_and_severity() -> None:
    (row,) = events(LIFE, alerts(said((44, 62)), POLICY)).to_dict("records")
    assert row["seen"]
    assert not row["late"]
    assert row["lead_hours"] == 15 * 24
    assert row["severity"] == pytest.approx(0.25)
    assert row["said"] == "F-FILTER"


def test_an_alert_after_the_limit_is_late_and_leads_by_nothing() -> None:
    (row,) = events(LIFE, alerts(said((60, 70)), POLICY)).to_dict("records")
    assert (row["seen"], row["late"], row["lead_hours"]) == (False, True, 0)


def test_an_alert_that_stood_before_the_onset_is_false_and_tells_nothing_of_what_came() -> None:
    raised = alerts(said((30, 62)), POLICY)
    assert false_alerts(LIFE, raised) == 1
    assert not events(LIFE, raised)["alerted"].any()


def test_cost_is_a_visit_an_alert_ten_a_miss_and_five_a_late_alert() -> None:
    early, late, missed = (events(LIFE, alerts(said(days), POLICY)) for days in ((44, 62), (60, 70), (0, 0)))
    assert [cost(early, 0), cost(late, 0), cost(missed, 0), cost(early, 3)] == [1, 6, 10, 4]


def test_the_alarm_is_set_where_it_is_cheapest_within_the_allowed_false_alerts() -> None:
    noisy = said((44, 62))
    noisy.score[noisy.score < 0.5] = 0.6  # any alarm below would never end
    policy = set_alarm([LIFE], [noisy], allowed=0.0)
    found = outcome([LIFE], [noisy], policy)
    assert policy.on > 0.6
    assert found.false_a_month == 0
    assert figures(found)["Q10"] == 1


def test_an_alarm_holds_through_doubts_that_would_tell_the_same_fault_twice() -> None:
    doubted = said((44, 62))
    calm, doubt = doubted.score < 0.5, (doubted.at >= BEGIN + 50 * DAY) & (doubted.at < BEGIN + 56 * DAY)
    doubted.score[calm], doubted.score[doubt] = 0.0, 0.3
    policy = set_alarm([LIFE], [doubted], allowed=0.1)
    assert events(LIFE, alerts(doubted, policy))["alerts"].tolist() == [1]
    assert events(LIFE, alerts(doubted, Policy(0.9, 0.45)))["alerts"].tolist() == [2]


def test_an_alarm_that_names_too_many_wrongly_waits_until_it_is_clear() -> None:
    early = said((44, 62))
    early.score[early.score > 0.5] = np.where(early.at[early.score > 0.5] < BEGIN + 50 * DAY, 0.75, 0.95)
    early.code[early.at < BEGIN + 50 * DAY] = "F-FAN-BELT"
    hasty = outcome([LIFE], [early], set_alarm([LIFE], [early], allowed=0.1))
    sure = outcome([LIFE], [early], set_alarm([LIFE], [early], allowed=0.1, misnamed=0.0))
    assert sure.misnamed_share == 0
    assert figures(sure)["Q10"] == 1
    assert figures(sure)["Q11"] <= figures(hasty)["Q11"]


def test_an_alert_has_the_name_that_was_said_when_it_was_confirmed() -> None:
    verdicts = said((10, 20))
    verdicts.code[verdicts.at < BEGIN + 10.9 * DAY] = "F-FAN-BELT"
    assert [alert.code for alert in alerts(verdicts, POLICY)] == ["F-FILTER"]


def test_intervals_draw_whole_units_and_hold_the_figure() -> None:
    lives = [Life(f"unit {k}", LIFE.begin, LIFE.end, LIFE.episodes) for k in range(6)]
    verdicts = [said((44 + k, 62)) if k < 4 else said((0, 0)) for k in range(6)]
    found = outcome(lives, verdicts, POLICY)
    low, high = intervals(found)["Q10"]
    assert figures(found)["Q10"] == pytest.approx(4 / 6)
    assert 0 <= low < 4 / 6 < high <= 1


def test_a_wrongly_named_fault_counts_as_misdiagnosed() -> None:
    found = outcome([LIFE], [said((44, 62), code="F-FAN-BELT")], POLICY)
    assert (figures(found)["Q13"], figures(found)["Q13b"]) == (0, 1)


def test_healthy_months_leave_the_episodes_out() -> None:
    assert LIFE.healthy_months == pytest.approx((100 - 22) / (365.25 / 12))


def test_chances_that_hold_have_no_calibration_error_and_sure_ones_that_fail_have_all() -> None:
    chance = np.repeat([0.25, 0.75], 400)
    came = np.tile([1.0, 0, 0, 0], 100).tolist() + np.tile([1.0, 1, 1, 0], 100).tolist()
    assert calibration_error(chance, np.array(came)) == pytest.approx(0)
    assert calibration_error(np.ones(10), np.zeros(10)) == 1
