from __future__ import annotations

import numpy as np
import pandas as pd

from bentos.fault.schema import HORIZONS
from training.early_warning import NONE, Episode, labels

BEGIN = pd.Timestamp("2021-03-01", tz="UTC")
DAY, HOUR, MINUTE = pd.Timedelta(days=1), pd.Timedelta(hours=1), pd.Timedelta(minutes=1)
TYPES = [NONE, "F-FAN-FAIL", "F-FILTER"]
FILTER = Episode("F-FILTER", True, BEGIN, BEGIN + 20 * DAY, BEGIN + 22 * DAY)
FAN = Episode("F-FAN-FAIL", False, BEGIN + 40 * DAY, BEGIN + 40 * DAY, BEGIN + 43 * DAY)


def at(*moments: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(moments)


def test_a_horizon_is_positive_from_its_length_before_the_limit_until_the_action_gap() -> None:
    limit = FILTER.functional_limit
    for column, hours in enumerate(HORIZONS):
        moments = at(limit - hours * HOUR - MINUTE, limit - hours * HOUR, limit - 30 * MINUTE)
        truth = labels([FILTER], moments, TYPES)
        assert truth.hazard[:, column].tolist() == [0, 1, 1]
        assert truth.judged[:, column].all()


def test_between_action_gap_and_repair_nothing_is_judged_and_afterwards_all_is_negative() -> None:
    limit, repair = FILTER.functional_limit, FILTER.repair
    truth = labels([FILTER], at(limit - 29 * MINUTE, repair - MINUTE, repair, repair + DAY), TYPES)
    assert truth.judged.any(axis=1).tolist() == [False, False, True, True]
    assert truth.hazard[2:].sum() == 0


def test_what_leads_to_an_abrupt_fault_is_not_judged_for_the_horizons_that_reach_it() -> None:
    truth = labels([FAN], at(FAN.onset - 5 * HOUR), TYPES)
    assert truth.judged[0].tolist() == [True, False, False, False, False, False]
    assert truth.hazard.sum() == 0


def test_a_type_is_asked_for_once_the_fault_shows_and_never_right_after_its_onset() -> None:
    truth = labels([FILTER, FAN], at(BEGIN, BEGIN + DAY, BEGIN + 6 * DAY, BEGIN + 30 * DAY, FAN.onset + HOUR), TYPES)
    assert truth.telling.tolist() == [True, False, True, True, True]
    assert truth.kind[truth.telling].tolist() == [0, 2, 0, 1]


def test_severity_grows_with_the_ramps_shape_to_one_at_the_limit_and_stays_until_the_repair() -> None:
    bent = Episode("F-FILTER", True, BEGIN, BEGIN + 20 * DAY, BEGIN + 22 * DAY, shape=2.0)
    grown = bent.severity(at(BEGIN, BEGIN + 10 * DAY, BEGIN + 20 * DAY, BEGIN + 21 * DAY, BEGIN + 22 * DAY))
    np.testing.assert_allclose(grown, [0, 0.25, 1, 1, 0])


def test_a_longer_horizon_is_positive_wherever_a_shorter_one_is() -> None:
    moments = pd.date_range(BEGIN - 5 * DAY, BEGIN + 25 * DAY, freq="3h")
    truth = labels([FILTER], moments, TYPES)
    assert (np.diff(truth.hazard, axis=1) >= 0).all()
    assert truth.hazard.sum() > 0
