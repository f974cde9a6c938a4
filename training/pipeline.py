"""The whole way from a series to fitted members and what they are worth; each step has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bentos.load.known import Known
from training.backtest import backtest, profile_alone
from training.card import Report
from training.datasets import NoModelError
from training.load import Recipe, Tuned, fit, tune
from training.moments import Replay, month_ends, month_ends_after, replay
from training.scores import seasonal_scale


@dataclass(frozen=True)
class Trained:
    """Members fitted on all that is known, what they learnt from, and their scores at moments before."""

    members: dict[str, Any]
    replayed: Replay
    tuned: Tuned
    report: Report


def train(known: Known, recipe: Recipe, title: str, command: str) -> Trained:
    """Replay, tuning before the first origin, backtest at every origin, final fit.

    Raises ``ValueError`` where the series is nothing for the recipe, ``RegionError`` for an unknown place.
    """
    origins = origins_of(known, recipe)
    replayed = replay(known, recipe.step_within(len(known.days)))
    tuned = tune(replayed.until(origins[0]), recipe)
    table = backtest(known, origins, replayed, tuned, recipe)
    report = Report(title, command, known, table, profile_alone(known, origins), tuned)
    return Trained(fit(replayed, tuned, recipe), replayed, tuned, report)


def origins_of(known: Known, recipe: Recipe) -> list[pd.Timestamp]:
    """The month ends to score at. Raises ``ValueError``, and ``NoModelError`` where the recipe would take fewer."""
    if recipe.fewest_origins is None:
        return month_ends(known, recipe.origins)
    if seasonal_scale(known.days["load"]) == 0:
        raise NoModelError("The load repeats itself week by week, to the last digit: there is nothing to learn.")
    ends = month_ends_after(known, recipe.days_before)[-recipe.origins :]
    if len(ends) < recipe.fewest_origins:
        raise NoModelError(
            f"{len(known.days)} days hold {len(ends)} months that a model of their own could be scored on; it needs "
            f"{recipe.fewest_origins}, so about a year and a half in all. Until then the released model answers."
        )
    return ends
