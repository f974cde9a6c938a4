"""What the network has to beat: a logistic regression on residuals, and boosted trees on daily features.

Both are asked each midnight and know what the network knows: the unit's reference, and its days since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bentos.fault.reference import DAILY
from training.alarms import Verdicts
from training.early_warning import NONE, Labels
from training.fleet import Watched

Floats = NDArray[np.float64]
DAY = pd.Timedelta(days=1)
MEMORY = {"3d": 3, "7d": 7, "21d": 21}  # days over whose known values the medians run


def daily_features(unit: Watched) -> pd.DataFrame:
    """A row for each midnight that the unit is watched: medians of the days before, and their change in two weeks."""
    prepared = unit.prepared
    index = pd.date_range(prepared.first_day, periods=len(prepared.days), freq=DAY) + DAY  # known at the day's end
    days = pd.DataFrame(prepared.days[:, : len(DAILY)], index, columns=DAILY)
    medians = {name: days.rolling(f"{length}D", min_periods=1).median() for name, length in MEMORY.items()}
    medians["change"] = medians["3d"] - medians["3d"].shift(14)
    table = pd.concat(medians, axis=1)
    table.columns = ["_".join(column) for column in table.columns]
    return table[table.index >= unit.life.begin]


class LogisticOnResiduals:
    """Three days' median residuals, each from below and above zero; what is unknown counts as healthy."""

    def __init__(self) -> None:
        self._model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))

    @staticmethod
    def rows(unit: Watched) -> tuple[pd.DatetimeIndex, Floats]:
        table = daily_features(unit)
        residuals = np.nan_to_num(table[[f"3d_{name}" for name in DAILY]].to_numpy())
        return pd.DatetimeIndex(table.index), np.hstack([residuals.clip(min=0), residuals.clip(max=0)])

    def fit(self, fleet: Sequence[Watched], types: Sequence[str]) -> LogisticOnResiduals:
        self._model.fit(*_training_rows(self.rows, fleet, types))
        return self

    def judge(self, unit: Watched, types: Sequence[str]) -> Verdicts:
        return _verdicts(self._model, *self.rows(unit), types)


class BoostedDays:
    """The probe of the domain notes: gradient boosting on what the last days were, against the unit's healthy ones."""

    def __init__(self, seed: int = 0) -> None:
        self._model: Any = HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.08, max_leaf_nodes=15, l2_regularization=1.0, random_state=seed
        )

    @staticmethod
    def rows(unit: Watched) -> tuple[pd.DatetimeIndex, Floats]:
        table = daily_features(unit)
        return pd.DatetimeIndex(table.index), table.to_numpy()

    def fit(self, fleet: Sequence[Watched], types: Sequence[str]) -> BoostedDays:
        rows, kinds = _training_rows(self.rows, fleet, types)
        self._known = np.isfinite(rows).any(axis=0)  # scikit-learn cannot bin a column without a number
        self._model.fit(rows[:, self._known], kinds)
        return self

    def judge(self, unit: Watched, types: Sequence[str]) -> Verdicts:
        at, rows = self.rows(unit)
        return _verdicts(self._model, at, rows[:, self._known], types)


def asked_at_midnight(detector: LogisticOnResiduals | BoostedDays, types: Sequence[str]) -> Any:  # noqa: ANN401
    """The detector at any moment: what it said the midnight before; nothing before the first."""

    def ask(unit: Watched, at: pd.DatetimeIndex) -> Verdicts:
        said = detector.judge(unit, types)
        last = said.at.searchsorted(at, side="right") - 1
        score = np.where(last >= 0, said.score[last.clip(0)], 0.0)
        return Verdicts(at, score, said.code[last.clip(0)])

    return ask


def _training_rows(rows: Any, fleet: Sequence[Watched], types: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:  # noqa: ANN401
    """Where a type can be told."""
    features, kinds = [], []
    for unit in fleet:
        at, table = rows(unit)
        truth: Labels = unit.labels(at, types)
        features.append(table[truth.telling])
        kinds.append(truth.kind[truth.telling])
    return np.concatenate(features), np.concatenate(kinds)


def _verdicts(model: Any, at: pd.DatetimeIndex, rows: Floats, types: Sequence[str]) -> Verdicts:  # noqa: ANN401
    share = np.zeros((len(at), len(types)))
    share[:, model.classes_] = model.predict_proba(rows)
    return verdicts(at, 1 - share[:, types.index(NONE)], share, types)


def verdicts(at: pd.DatetimeIndex, score: Floats, share: Floats, types: Sequence[str]) -> Verdicts:
    """With the likeliest fault of ``share`` [N, K] as the one that is named."""
    return Verdicts(at, score, np.array(types[1:])[share[:, 1:].argmax(axis=1)])
