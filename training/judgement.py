"""What a finished early warning is worth on units that it never saw: the artifact as it is served, and plain ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_recall_fscore_support

from bentos.artifact import open_artifact
from bentos.fault.model import NAME, FaultModel, schema_fingerprint
from bentos.fault.schema import HORIZONS
from bentos.fault.windows import CHANNELS
from training.alarm_scores import Outcome, calibration_error, outcome, set_alarm
from training.alarms import Policy, Verdicts
from training.early_warning import HOUR, Labels
from training.fault_pipeline import ALLOWED, EVERY, warned
from training.fleet import Watched
from training.progress import steps

Floats = NDArray[np.float64]
Detector = Callable[[Watched, pd.DatetimeIndex], Verdicts]

AT_ONCE = 64  # windows
AHEAD_72 = HORIZONS.index(72)
FIRST_HOURS = [3, 6, 12, 24]  # after the onset of an abrupt fault


@dataclass(frozen=True)
class Answers:
    """Of the served model at N moments: ``chances`` [N, 6] calibrated, share of each ``kind`` [N, K]."""

    at: pd.DatetimeIndex
    chances: Floats
    kind: Floats


class Served:
    """An artifact asked by windows, with the alarm by which it gives notice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = FaultModel(open_artifact(folder, name=NAME, schema_fingerprint=schema_fingerprint()))
        self.types = [str(name) for name in self.model.parameters.types]
        notice, hold = self.model.parameters.notice, cast(float, self.model.manifest.recipe["hold_hours"])
        self.policy = Policy(notice.on, notice.off, hold * HOUR)
        self.places = [CHANNELS.index(name) for name in self.model.manifest.features]

    def ask(self, unit: Watched, at: pd.DatetimeIndex) -> Answers:
        """What it says of a unit at each moment."""
        said = [
            self.model.predict(unit.windows(at[first : first + AT_ONCE])[..., self.places])
            for first in range(0, len(at), AT_ONCE)
        ]
        chances, kind, _ = (np.concatenate(each) for each in zip(*said, strict=True))
        return Answers(at, chances, kind)

    def verdicts(self, said: Answers) -> Verdicts:
        """What its alarm goes by, and the fault that it names."""
        return warned(said.at, said.chances, said.kind, self.types, self.model.parameters.levels)

    def __call__(self, unit: Watched, at: pd.DatetimeIndex) -> Verdicts:
        return self.verdicts(self.ask(unit, at))


@dataclass(frozen=True)
class Judged:
    """One detector on the test's units."""

    name: str
    policy: Policy
    outcome: Outcome
    first_hours: dict[int, float]  # share of the abrupt episodes above the alarm's threshold so many hours in
    said: list[Verdicts]


@dataclass(frozen=True)
class Moments:
    """The served model at all moments of the test: truth, chances [N, 6] and the likeliest type [N]."""

    truth: Labels
    chances: Floats
    kind: NDArray[np.int64]
    types: list[str]

    @property
    def by_type(self) -> pd.DataFrame:
        """Precision, recall and F1 of each type, where it can be told."""
        told = self.truth.telling
        scores = precision_recall_fscore_support(
            self.truth.kind[told], self.kind[told], labels=range(len(self.types)), zero_division=0.0
        )
        columns = dict(zip(("precision", "recall", "f1", "moments"), scores, strict=True))
        table = pd.DataFrame(columns, index=self.types)
        return table[table["moments"] > 0]

    @property
    def ahead(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Chance of a loss within 72 hours, and whether it came."""
        judged = self.truth.judged[:, AHEAD_72]
        return self.chances[judged, AHEAD_72].astype(np.float32), self.truth.hazard[judged, AHEAD_72]

    @property
    def figures(self) -> dict[str, float]:
        """Q14 and Q15."""
        told = self.truth.telling
        return {
            "Q14": float(self.by_type["f1"].mean()),
            "Q14b": float((self.truth.kind == self.kind)[told].mean()),
            "Q15": calibration_error(*self.ahead),
        }


def judge_served(served: Served, test: Sequence[Watched]) -> tuple[Judged, Moments]:
    """By event, with the alarm as it was set before, and by moment."""
    answers = [served.ask(unit, unit.moments(EVERY)) for unit in steps(test, "asking", "unit")]
    truth = Labels.joined([unit.labels(a.at, served.types) for unit, a in zip(test, answers, strict=True)])
    chances, kind = (np.concatenate([getattr(a, name) for a in answers]) for name in ("chances", "kind"))
    said = [served.verdicts(answer) for answer in answers]
    found = outcome([unit.life for unit in test], said, served.policy)
    judged = Judged("TimeMixer", served.policy, found, first_hours(served, test, served.policy), said)
    return judged, Moments(truth, chances, kind.argmax(axis=1), served.types)


def judge_plain(
    name: str, detector: Detector, validation: Sequence[Watched], test: Sequence[Watched], every: pd.Timedelta
) -> Judged:
    """A detector whose alarm is set on the same units as the network's."""
    said = [detector(unit, unit.moments(every)) for unit in validation]
    policy = set_alarm([unit.life for unit in validation], said, ALLOWED)
    judged = [detector(unit, unit.moments(every)) for unit in steps(test, name, "unit")]
    found = outcome([unit.life for unit in test], judged, policy)
    return Judged(name, policy, found, first_hours(detector, test, policy), judged)


def first_hours(detector: Detector, fleet: Sequence[Watched], policy: Policy) -> dict[int, float]:
    """Of abrupt episodes that were not above the threshold before, the share that is so many hours after the onset."""
    seen = []
    for unit in fleet:
        for episode in unit.life.episodes:
            if not episode.slow and unit.life.begin <= episode.onset and episode.repair <= unit.life.end:
                at = pd.DatetimeIndex([episode.onset, *(episode.onset + hours * HOUR for hours in FIRST_HOURS)])
                before, *after = (detector(unit, at).score >= policy.on).tolist()
                seen.append([now and not before for now in after])
    shares = np.mean(seen, axis=0) if seen else np.full(len(FIRST_HOURS), np.nan)
    return dict(zip(FIRST_HOURS, shares.tolist(), strict=True))


def macro_f1(truth: NDArray[np.int64], said: NDArray[np.int64]) -> float:
    """Mean over the types that came."""
    return float(f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0.0))
