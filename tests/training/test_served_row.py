"""The row a model learns from is the row that a caller's question at that moment is answered from.

Over the same horizon to the last bit; a month's shorter one lets linear algebra round its last digits otherwise.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.load.calendar import Region
from bentos.load.features import design_matrix
from bentos.load.known import WEATHER, known_from, known_from_table
from bentos.load.sample import sample_series
from bentos.load.schema import MAX_LEAD_DAYS, Question
from training.backtest import records
from training.datasets import Place, open_series
from training.moments import Replay, replay


def sample_with_gaps() -> pd.DataFrame:
    """Days missing, days of zero, temperatures missing, humidity in the second half alone."""
    dice = np.random.default_rng(7)
    table = pd.DataFrame(sample_series()).set_index("date")
    table.index = pd.DatetimeIndex(table.index)
    table = table.astype(float)
    table.loc[table.index[:500], "humidity"] = np.nan
    table.loc[dice.random(len(table)) < 0.01, "temperature"] = np.nan
    table.loc[dice.random(len(table)) < 0.02, "load"] = 0.0
    return table[(dice.random(len(table)) > 0.01) | (table.index == table.index[0])]


@cache
def subject(name: str) -> tuple[pd.DataFrame, Region, Replay]:
    """What a caller has, where it was measured, and its replay."""
    if name == "victoria":
        known = open_series("vic_elec", Place("Australia/Melbourne", Region("AU", "VIC")))
        return known.days, known.region, replay(known, 29)
    raw, region = sample_with_gaps(), Region("DE")
    return raw, region, replay(known_from_table(raw, region), 29)


def asked(raw: pd.DataFrame, region: Region, moment: pd.Timestamp, weather: bool, next_month: bool) -> Question:
    """At the end of ``moment``, for its own month or the next one; an unmeasured last day is sent as zero."""
    history = raw.loc[:moment]
    if moment not in history.index:
        history = pd.concat([history, pd.DataFrame({"load": 0.0}, index=[moment])])
    month = moment + pd.offsets.MonthBegin(1) if next_month else moment
    fields = {"year": month.year, "month": month.month, "country": region.country, "subdivision": region.subdivision}
    if weather:
        came = known_from_table(raw, region).days[WEATHER]  # as a forecast would have it: without the odd gap
        ahead = came.reindex(pd.date_range(moment + pd.Timedelta(days=1), periods=MAX_LEAD_DAYS))
        fields |= {"weather": "forecast", "weather_ahead": records(ahead)}
    return Question.model_validate({"series": records(history), **fields})


@pytest.mark.parametrize("weather", [False, True], ids=["climatology", "weather ahead"])
@pytest.mark.parametrize("name", ["victoria", "sample with gaps"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(place=st.integers(0, 10_000), next_month=st.booleans())
def test_the_training_row_is_the_served_row(name, weather, place, next_month):
    raw, region, replayed = subject(name)
    of_mode = replayed.rows["weather_known"].to_numpy() == weather
    moments = replayed.moment[of_mode].unique()
    moment = moments[place % len(moments)]
    learnt = replayed.rows[of_mode & (replayed.moment == moment)]
    learnt = learnt[~learnt.index.duplicated()]

    question = asked(raw, region, moment, weather, next_month or moment.is_month_end)
    known = known_from(question)
    assert known.at == moment
    whole = design_matrix(known, known.at, MAX_LEAD_DAYS).rows
    pd.testing.assert_frame_equal(learnt, whole.loc[learnt.index], check_exact=True, check_freq=False)

    served = design_matrix(known, known.at, (question.days[-1] - question.origin).days).rows
    assert len(served) <= MAX_LEAD_DAYS
    pd.testing.assert_frame_equal(served, whole.loc[served.index], rtol=1e-9, atol=1e-9, check_freq=False)
