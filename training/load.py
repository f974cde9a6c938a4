"""Fit a load model: replay the past, tune, weigh, fit, and score it as it would have been asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from bentos.load.features import ABSOLUTE, FAR, RELATIVE
from bentos.load.schema import MODEL_DAYS
from training.moments import Replay, splits
from training.progress import Stage
from training.recipe import read_recipe

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """How to fit: ``recipes/<name>.toml`` lists what differs from these defaults, and why."""

    name: str
    cold_start: bool = False  # True: relative features alone, to be asked about series it was not fitted on
    step_days: int = 7  # between replayed moments
    trees: int = 100
    thinning: int = 1  # a tree sees one in so many of the rows that it would see
    n_splits: int = 5
    seed: int = 0
    origins: int = 13  # month ends at which it is scored, the last ones of the series
    fewest_origins: int | None = None  # enough where the history is short; none: all are wanted
    days_before: int = MODEL_DAYS  # the least before the first of them
    most_moments: int | None = None  # of a long history fewer are replayed, further apart

    @property
    def features(self) -> list[str]:
        return [*RELATIVE] if self.cold_start else [*RELATIVE, *ABSOLUTE]

    def step_within(self, days: int) -> int:
        """Days between the moments that are replayed of a history of so many."""
        return max(self.step_days, math.ceil(days / self.most_moments) if self.most_moments else 0)

    @classmethod
    def open(cls, name: str) -> Recipe:
        """Raises ``ValueError`` for a recipe that is not there."""
        return cls(name=name, **read_recipe("load", name))


@dataclass(frozen=True)
class Tuned:
    """The estimators that won their grid, unfitted, their fold scores, and the ensemble's weights by member."""

    estimators: dict[str, Any]
    fold_scores: dict[str, dict[str, Any]]
    weights: dict[str, float]


def grids(recipe: Recipe) -> dict[str, tuple[Any, dict[str, list[Any]]]]:
    """Each member and its small grid. What they learn is a correction, so every grid holds a nearly silent choice."""
    thin = recipe.thinning
    forest = RandomForestRegressor(
        recipe.trees, max_leaf_nodes=64, max_samples=1.0 / thin, random_state=recipe.seed, n_jobs=1
    )
    boosted = GradientBoostingRegressor(
        n_estimators=recipe.trees, subsample=0.5 / thin, min_samples_leaf=50 // thin, random_state=recipe.seed
    )
    linear = Pipeline([("scale", StandardScaler()), ("ridge", Ridge())])
    return {
        "RandomForestRegressor": (forest, {"min_samples_leaf": [50 // thin, 200 // thin], "max_features": [0.2, 0.5]}),
        "GradientBoostingRegressor": (boosted, {"max_depth": [1, 3], "learning_rate": [0.01, 0.05]}),
        "Ridge": (linear, {"ridge__alpha": [1e3, 1e4, 1e5, 1e6]}),
    }


def tune(replayed: Replay, recipe: Recipe) -> Tuned:
    """Search each grid over splits of the moments; weigh the winners by what they said of days they had not seen."""
    folds = splits(replayed, recipe.n_splits)
    rows, target = _training_rows(replayed, recipe)
    estimators, fold_scores, held_out = {}, {}, []
    tuning = Stage("tuning", sum(len(ParameterGrid(grid)) for _, grid in grids(recipe).values()) * len(folds), "fit")
    for name, (estimator, grid) in grids(recipe).items():
        listened = _Listened(tuning.done)
        search = GridSearchCV(estimator, grid, cv=folds, scoring=listened, refit=False)
        search.fit(rows, target)
        best = search.best_index_
        held_out.append(listened.said[best * len(folds) : (best + 1) * len(folds)])
        estimators[name] = clone(estimator).set_params(**search.best_params_)
        fold_scores[name] = {
            "best": search.best_params_,
            "mae": [-float(search.cv_results_[f"split{k}_test_score"][best]) for k in range(len(folds))],
        }
    return Tuned(estimators, fold_scores, _weights([*estimators], held_out, [target[test] for _, test in folds]))


def fit(replayed: Replay, tuned: Tuned, recipe: Recipe) -> dict[str, Any]:
    """The members, fitted on all of ``replayed``."""
    rows, target = _training_rows(replayed, recipe)
    return {name: clone(estimator).fit(rows, target) for name, estimator in tuned.estimators.items()}


def _training_rows(replayed: Replay, recipe: Recipe) -> tuple[Floats, Floats]:
    return replayed.rows[recipe.features].to_numpy(), np.clip(replayed.target, -FAR, FAR)


class _Listened:
    """Scikit-learn's measure of a fit, which keeps what was said: candidate after candidate, each fold after fold."""

    def __init__(self, scored: Callable[[], None]) -> None:
        self._scored, self.said = scored, list[Floats]()

    def __call__(self, estimator: Any, rows: Floats, target: Floats) -> float:  # noqa: ANN401 - scikit-learn's
        self.said.append(estimator.predict(rows))
        self._scored()
        return -float(mean_absolute_error(target, self.said[-1]))


def _weights(names: list[str], held_out: list[list[Floats]], came: list[Floats]) -> dict[str, float]:
    """Non-negative least squares on held-out days, at most one in all: what is left stays with the profile."""
    said = np.stack([np.concatenate(by_fold) for by_fold in held_out], axis=1)
    weights, _ = nnls(said, np.concatenate(came))
    weights /= max(weights.sum(), 1.0)
    return dict(zip(names, np.round(weights, 4).tolist(), strict=True))
