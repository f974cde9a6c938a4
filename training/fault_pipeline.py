"""From a campaign to a warning that was judged: fit, calibrate, set the alarm on some units, judge on others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from bentos.fault.schema import HORIZONS
from training.alarm_scores import Outcome, by_type, calibration_error, figures, intervals, outcome, set_alarm
from training.alarms import Policy, Verdicts
from training.calibration import Calibration, calibrate, levels
from training.early_warning import HOUR, NONE, Labels
from training.fault import Recipe, Said, ask, fit
from training.fleet import Watched, open_fleet, types_of
from training.plain_detectors import BoostedDays, LogisticOnResiduals, verdicts
from training.timemixer import EarlyWarning

ALLOWED = 0.15  # false alerts a unit and month on the validation units: the target is 0.2
EVERY = 6 * HOUR
AHEAD_72 = HORIZONS.index(72)


@dataclass(frozen=True)
class Warner:
    """What is fitted: the network, its calibration, its types, where its alarm is set, and its warning levels."""

    network: EarlyWarning
    calibration: Calibration
    types: list[str]
    policy: Policy
    recipe: Recipe
    levels: list[dict[str, float]] = field(default_factory=list)

    def say(self, unit: Watched) -> tuple[Verdicts, Said]:
        """Of a whole life."""
        at = unit.moments(EVERY)
        said = ask(self.network, unit, at, self.recipe.channels)
        return fault_verdicts(at, said, self.types), said


@dataclass(frozen=True)
class Judged:
    """One detector on the test's units."""

    name: str
    policy: Policy
    outcome: Outcome


def fault_verdicts(at: pd.DatetimeIndex, said: Said, types: Sequence[str]) -> Verdicts:
    """The network as a detector: how sure it is that the unit has a fault at all."""
    return verdicts(at, 1 - said.kind[:, types.index(NONE)], said.kind, types)


def fit_warner(train: Sequence[Watched], validation: Sequence[Watched], types: list[str], recipe: Recipe) -> Warner:
    """Fitted on ``train``; the best epoch, the calibration and the alarm come from ``validation``."""
    network = fit(train, validation, types, recipe)
    blank = Calibration(np.ones(len(HORIZONS)), np.zeros(len(HORIZONS)))
    warner = Warner(network, blank, types, Policy(1.0, 0.5), recipe)
    answers = [warner.say(unit) for unit in validation]
    truth = Labels.joined([unit.labels(said.at, types) for unit, (said, _) in zip(validation, answers, strict=True)])
    hazard = np.concatenate([said.hazard for _, said in answers])
    calibration = calibrate(hazard, truth)
    policy = set_alarm([unit.life for unit in validation], [said for said, _ in answers], ALLOWED)
    return Warner(network, calibration, types, policy, recipe, levels(calibration.chances(hazard), truth))


def judge(warner: Warner, test: Sequence[Watched]) -> tuple[Judged, dict[str, float], pd.DataFrame]:
    """On units of the test: events, the figures of moments (Q14, Q15), and precision, recall and F1 by type."""
    answers = [warner.say(unit) for unit in test]
    lives = [unit.life for unit in test]
    found = outcome(lives, [said for said, _ in answers], warner.policy)
    truth = Labels.joined([u.labels(said.at, warner.types) for u, (said, _) in zip(test, answers, strict=True)])
    chances = warner.calibration.chances(np.concatenate([said.hazard for _, said in answers]))
    kinds = np.concatenate([said.kind for _, said in answers]).argmax(axis=1)
    by_moment = _by_moment(truth.kind[truth.telling], kinds[truth.telling], warner.types)
    judged = truth.judged[:, AHEAD_72]
    moments = {
        "Q14": float(by_moment["f1"].mean()),
        "Q14b": float((truth.kind == kinds)[truth.telling].mean()),
        "Q15": calibration_error(chances[judged, AHEAD_72], truth.hazard[judged, AHEAD_72]),
    }
    return Judged("TimeMixer", warner.policy, found), moments, by_moment


def judge_plain(
    train: Sequence[Watched], validation: Sequence[Watched], test: Sequence[Watched], types: list[str]
) -> list[Judged]:
    """The baselines, their alarms set as the network's is."""
    found = []
    for name, detector in (("LogisticRegression", LogisticOnResiduals()), ("HistGradientBoosting", BoostedDays())):
        detector.fit(train, types)
        lives = [unit.life for unit in validation]
        policy = set_alarm(lives, [detector.judge(unit, types) for unit in validation], ALLOWED)
        said = [detector.judge(unit, types) for unit in test]
        found.append(Judged(name, policy, outcome([unit.life for unit in test], said, policy)))
    return found


def run(folder: Path, recipe: Recipe, out: Path) -> tuple[Warner, dict[str, float]]:
    """The whole way; what was found lies in ``out`` as JSON and is printed. Gives the network's figures too."""
    types = types_of(folder)
    train, validation, test = (
        open_fleet(folder, split, recipe.most_units) for split in ("train", "validation", "test")
    )
    for plain in judge_plain(train, validation, test, types):
        _tell(out, plain)
    warner = fit_warner(train, validation, types, recipe)
    network, moments, by_moment = judge(warner, test)
    said = _tell(out, network, moments)
    print(by_moment.round(3).to_string())
    return warner, said


def _by_moment(truth: np.ndarray, said: np.ndarray, types: list[str]) -> pd.DataFrame:
    scores = precision_recall_fscore_support(truth, said, labels=range(len(types)), zero_division=0.0)
    table = pd.DataFrame(dict(zip(("precision", "recall", "f1", "moments"), scores, strict=True)), index=types)
    return table[table["moments"] > 0]


def _tell(out: Path, judged: Judged, beside: dict[str, float] | None = None) -> dict[str, float]:
    said = figures(judged.outcome) | (beside or {})
    bounds = intervals(judged.outcome)
    print(f"\n{judged.name}: alert at {judged.policy.on:.2f} for {judged.policy.hold}")
    for name, value in said.items():
        low, high = bounds.get(name, (np.nan, np.nan))
        print(f"  {name:20} {value:8.3f}  [{low:.3f}, {high:.3f}]")
    print(by_type(judged.outcome).round(2).to_string())
    out.mkdir(parents=True, exist_ok=True)
    kept = {"figures": said, "intervals": bounds, "on": judged.policy.on, "hold": str(judged.policy.hold)}
    (out / f"{judged.name}.json").write_text(json.dumps(kept, indent=1))
    judged.outcome.episodes.to_csv(out / f"{judged.name}-episodes.csv", index=False)
    return said
