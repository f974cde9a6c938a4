"""What an early warning is worth: on the test, beside plain detectors, with lost readings, and on real days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from training.alarm_scores import figures, intervals
from training.alarms import Life
from training.early_warning import HOUR
from training.fault_pipeline import EVERY
from training.fleet import Watched, open_fleet
from training.hardship import f1_with_lost_readings
from training.judgement import Judged, Moments, Served, judge_plain, judge_served, macro_f1
from training.lbnl_gate import gate
from training.plain_detectors import BoostedDays, LogisticOnResiduals, asked_at_midnight
from training.rules_alone import RulesAlone

DAY = 24 * HOUR


@dataclass(frozen=True)
class Verdict:
    """All that was found. ``detectors`` begin with the network; ``units`` counts those of each split."""

    detectors: list[Judged]
    moments: Moments
    hardship: dict[str, float]
    canaries: dict[str, float]
    real: dict[str, float]
    units: dict[str, int]
    lives: list[Life]  # of the test

    @property
    def network(self) -> Judged:
        return self.detectors[0]

    @cached_property
    def figures(self) -> dict[str, float]:
        """By the targets' ids, with 95 % bounds by unit; Q16 is the share of the cheapest plain cost saved."""
        own, bounds = figures(self.network.outcome), intervals(self.network.outcome)
        named = {name: value for name, value in own.items() if name.startswith("Q") and name != "Q16"}
        sides = enumerate(("low", "high"))
        named |= {f"{name}_{side}": bounds[name][k] for k, side in sides for name in ("Q10", "Q11", "Q12")}
        cost = {"Q16": 1 - own["Q16"] / self.cheapest.outcome.cost_a_month, "Q16b": own["Q16"]}
        units = {f"Q10_units@{split}": float(count) for split, count in self.units.items()}
        episodes = {"Q10_episodes": float(self.network.outcome.episodes["slow"].sum())}
        told = ("auc@", "auc_lost@", "auc_recipe", "auc_forest@")
        real = {name: value for name, value in self.real.items() if name.startswith(told)}
        lost = {name: self.hardship[name] for name in ("Q17", "Q17b")}
        return {**named, **cost, **self.moments.figures, **lost, **units, **episodes, **real}

    @property
    def cheapest(self) -> Judged:
        """Of the detectors that the network has to beat."""
        return min(self.detectors[1:], key=lambda each: each.outcome.cost_a_month)


def verdict(served: Served, campaign: Path, lbnl: Path | None) -> Verdict:
    """On all of the campaign's units that have been run."""
    train, validation, test = (open_fleet(campaign, split) for split in ("train", "validation", "test"))
    network, moments = judge_served(served, test)
    _tell(network)
    plain = [judge_plain("Rules", RulesAlone(campaign), validation, test, DAY)]
    for name, detector in (("LogisticRegression", LogisticOnResiduals()), ("HistGradientBoosting", BoostedDays())):
        asked = asked_at_midnight(detector.fit(train, served.types), served.types)
        plain.append(judge_plain(name, asked, validation, test, EVERY))
    for each in plain:
        _tell(each)
    return Verdict(
        detectors=[network, *plain],
        moments=moments,
        hardship=f1_with_lost_readings(served, campaign, test),
        canaries=canaries(train, test, served.types),
        real=gate(served, lbnl) if lbnl else {},
        units={"train": len(train), "validation": len(validation), "test": len(test)},
        lives=[unit.life for unit in test],
    )


def _tell(judged: Judged) -> None:
    """The rest takes minutes."""
    said = ", ".join(f"{name} {value:.3g}" for name, value in figures(judged.outcome).items())
    print(f"{judged.name}, {len(judged.said)} units: {said}", flush=True)


def canaries(train: Sequence[Watched], test: Sequence[Watched], types: Sequence[str]) -> dict[str, float]:
    """Macro-F1 of the type of a day by a small forest on daily features: honest, with days split at random, and with
    labels shuffled among the days of training."""
    rng = np.random.default_rng(0)
    (rows, kinds), (asked, came) = _days(train, types), _days(test, types)
    every, each = np.concatenate([rows, asked]), np.concatenate([kinds, came])
    chosen = rng.permutation(len(every)) < len(kinds)
    return {
        "honest": _f1((rows, kinds), (asked, came)),
        "random_split": _f1((every[chosen], each[chosen]), (every[~chosen], each[~chosen])),
        "shuffled_labels": _f1((rows, rng.permutation(kinds)), (asked, came)),
        "chance": 1 / len(types),
    }


Rows = tuple[NDArray[np.float64], NDArray[np.int64]]


def _days(fleet: Sequence[Watched], types: Sequence[str]) -> Rows:
    rows, kinds = [], []
    for unit in fleet:
        at, table = BoostedDays.rows(unit)
        labels = unit.labels(pd.DatetimeIndex(at), types)
        rows.append(np.nan_to_num(table[labels.telling]))
        kinds.append(labels.kind[labels.telling])
    return np.concatenate(rows), np.concatenate(kinds)


def _f1(known: Rows, asked: Rows) -> float:
    forest = ExtraTreesClassifier(60, random_state=0, class_weight="balanced", min_samples_leaf=2).fit(*known)
    return macro_f1(asked[1], forest.predict(asked[0]))
