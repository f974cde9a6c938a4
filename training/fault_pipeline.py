"""From a campaign to a warning that can be judged: fit on some units, calibrate and set the alarm on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.diagnosis import Level
from bentos.fault.schema import HORIZONS
from training.alarm_scores import outcome, set_alarm
from training.alarms import Policy, Verdicts
from training.calibration import Calibration, calibrate, levels
from training.early_warning import HOUR, NONE, Labels
from training.fault import Recipe, ask, fit
from training.fleet import Watched, open_fleet, types_of
from training.lost_readings import bare, thinned
from training.plain_detectors import verdicts
from training.progress import steps
from training.timemixer import Council

Floats = NDArray[np.float64]

ALLOWED = 0.15  # false alerts a unit and month on the validation units: the target is 0.2
MISNAMED = 0.1  # share of alerted faults with a wrong name there, as it is wanted on the test
EVERY = 6 * HOUR
NOTICE = 6 * HOUR  # for which the gateway waits before it tells a notice
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
    levels: list[Level] = field(default_factory=list)


def warned(
    at: pd.DatetimeIndex, chances: Floats, kinds: Floats, types: Sequence[str], above: Sequence[Level]
) -> Verdicts:
    """What answers go by: how sure the network is of the fault that it names, among ``kinds`` [N, K], and quite sure
    where its ``chances`` [N, 6] reach one of the levels ``above`` a notice."""
    sure = np.delete(kinds, types.index(NONE), axis=1).max(axis=1)
    for level in above:
        sure = np.where(chances[:, HORIZONS.index(level.hours)] >= level.probability, 1.0, sure)
    return verdicts(at, sure, kinds, types)


def fit_warner(train: Sequence[Watched], validation: Sequence[Watched], types: list[str], recipe: Recipe) -> Warner:
    """Fitted on ``train``; the best epoch, the calibration and the alarm come from ``validation``."""
    network = fit(train, validation, types, recipe)
    asked = [unit.moments(EVERY) for unit in validation]
    answers = [ask(network, unit, at, recipe.channels) for unit, at in zip(validation, asked, strict=True)]
    truth = Labels.joined([unit.labels(at, types) for unit, at in zip(validation, asked, strict=True)])
    hazard = np.concatenate([said.hazard for said in answers])
    calibration = calibrate(hazard, truth)
    above = levels(calibration.chances(hazard), truth)
    warnings = [
        warned(at, calibration.chances(said.hazard), said.kind, types, above)
        for at, said in zip(asked, answers, strict=True)
    ]
    return Warner(network, calibration, types, set_notice(validation, warnings), recipe, above)


def fit_on(folder: Path, recipe: Recipe) -> Warner:
    """On the units of a campaign that are not the test's, and on the same units with readings that were lost."""
    train, validation = (open_fleet(folder, split, recipe.most_units) for split in ("train", "validation"))
    if recipe.lost:
        again = enumerate(steps(train * recipe.lost, "losing readings", "unit"))
        lost = [thinned(folder, unit, FIRST_SEED + k) for k, unit in again]
        train = [*train, *lost, *(bare(folder, unit) for unit in train[::BARE])]
    return fit_warner(train, validation, types_of(folder), recipe)


def set_notice(fleet: Sequence[Watched], said: Sequence[Verdicts]) -> Policy:
    """Where it costs these units least. As the gateway tells a notice, without a threshold of anybody's."""
    lives = [unit.life for unit in fleet]
    policy = set_alarm(lives, said, ALLOWED, MISNAMED, [NOTICE])
    found = outcome(lives, said, policy)
    print(
        f"notice: at {policy.on:.2f} for {policy.hold}, over below {policy.off:.3f}, "
        f"cost {found.cost_a_month:.2f} a unit and month, {found.misnamed_share:.0%} named wrongly"
    )
    return policy
