"""From a campaign to a warning that can be judged: fit on some units, calibrate and set the alarm on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.schema import HORIZONS
from training.alarm_scores import outcome, set_alarm
from training.alarms import Policy
from training.calibration import Calibration, calibrate, levels
from training.early_warning import HOUR, NONE, Labels
from training.fault import Recipe, Said, ask, fit
from training.fleet import Watched, open_fleet, types_of
from training.lost_readings import bare, thinned
from training.plain_detectors import verdicts
from training.progress import steps
from training.timemixer import Council

Floats = NDArray[np.float64]

ALLOWED = 0.15  # false alerts a unit and month on the validation units: the target is 0.2
MISNAMED = 0.1  # share of alerted faults with a wrong name there, as it is wanted on the test
EVERY = 6 * HOUR
BARE = 3  # of so many units one is learnt from without its optional points too
FIRST_SEED = 1000  # of what is lost in training


@dataclass(frozen=True)
class Warner:
    """What is fitted: the network, its calibration, its types, where its alarm is set, and its warning levels."""

    network: Council
    calibration: Calibration
    types: list[str]
    policy: Policy
    recipe: Recipe
    levels: list[dict[str, float]] = field(default_factory=list)
    by: str = "type"  # what the alarm goes by, of ``scores_of``


def scores_of(chances: Floats, kinds: Floats, types: Sequence[str]) -> dict[str, Floats]:
    """What an alarm can go by [N]: how sure it is that there is a fault, or how likely a loss within two weeks is."""
    return {"type": 1 - kinds[:, types.index(NONE)], "hazard": chances[:, HORIZONS.index(336)]}


def fit_warner(train: Sequence[Watched], validation: Sequence[Watched], types: list[str], recipe: Recipe) -> Warner:
    """Fitted on ``train``; the best epoch, the calibration and the alarm come from ``validation``."""
    network = fit(train, validation, types, recipe)
    asked = [unit.moments(EVERY) for unit in validation]
    answers = [ask(network, unit, at, recipe.channels) for unit, at in zip(validation, asked, strict=True)]
    truth = Labels.joined([unit.labels(at, types) for unit, at in zip(validation, asked, strict=True)])
    hazard = np.concatenate([said.hazard for said in answers])
    calibration = calibrate(hazard, truth)
    by, policy = _cheapest(validation, list(zip(asked, answers, strict=True)), calibration, types)
    return Warner(network, calibration, types, policy, recipe, levels(calibration.chances(hazard), truth), by)


def fit_on(folder: Path, recipe: Recipe) -> Warner:
    """On the units of a campaign that are not the test's, and on the same units with readings that were lost."""
    train, validation = (open_fleet(folder, split, recipe.most_units) for split in ("train", "validation"))
    if recipe.lost:
        again = enumerate(steps(train * recipe.lost, "losing readings", "unit"))
        lost = [thinned(folder, unit, FIRST_SEED + k) for k, unit in again]
        train = [*train, *lost, *(bare(folder, unit) for unit in train[::BARE])]
    return fit_warner(train, validation, types_of(folder), recipe)


def _cheapest(
    fleet: Sequence[Watched],
    answers: Sequence[tuple[pd.DatetimeIndex, Said]],
    calibration: Calibration,
    types: Sequence[str],
) -> tuple[str, Policy]:
    """Of the scores that an alarm can go by the one that costs these units less, and where it is set.

    A loss may be likely before it is clear what causes it: an alarm that names too many wrongly has to wait.
    """
    lives = [unit.life for unit in fleet]
    tried: dict[str, tuple[float, float, Policy]] = {}
    for by in ("type", "hazard"):
        said = [
            verdicts(at, scores_of(calibration.chances(found.hazard), found.kind, types)[by], found.kind, types)
            for at, found in answers
        ]
        policy = set_alarm(lives, said, ALLOWED, MISNAMED)
        found = outcome(lives, said, policy)
        tried[by] = (max(found.misnamed_share - MISNAMED, 0.0), found.cost_a_month, policy)
        print(
            f"alarm by {by}: at {policy.on:.2f} for {policy.hold}, cost {found.cost_a_month:.2f} a unit and month, "
            f"{found.misnamed_share:.0%} named wrongly"
        )
    by = min(tried, key=lambda name: tried[name][:2])
    return by, tried[by][2]
