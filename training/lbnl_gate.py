"""The real days of LBNL's air handlers as a gate: what TimeMixer says of each that learnt from the others.

AUC: how often an hour of a faulty day is scored above an hour of a healthy one. Some seeds' networks judge together;
what each seed's say alone tells how far such a figure carries. Beside it stand the network that only knows its
simulator, and a random forest that learnt from the same days and is asked at the same hours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from training.hvac import Day, open_lbnl
from training.judgement import Served
from training.lost_readings import LOST
from training.real_days import Days, auc

Floats = NDArray[np.float64]

UNITS = {"MZVAV-2-1": 0.91, "MZVAV-2-2": 0.93}  # a random forest's AUC on 60-minute windows, leave one day out
SEEDS = {
    "MZVAV-2-1": (0, 1, 2),
    "MZVAV-2-2": (0,),
}  # the simulation's days are many, and there one seed is like another
TREES = 300


def gate(served: Served, folder: Path) -> dict[str, float]:
    """By unit: AUC of the recipe for these days, and the least and most of one seed's networks alone; of the network
    that was never fitted on them, also with a fifth of the samples lost; and of the forest."""
    asked = [(unit, seed) for unit in reversed(UNITS) for seed in SEEDS[unit]]  # the longest first
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        told = pool.map(_recipe, *zip(*asked, strict=True), repeat(served.folder), repeat(folder))
        said = dict(zip(asked, told, strict=True))
    found: dict[str, float] = {}
    for unit, least in UNITS.items():
        days = Days(open_lbnl(folder, unit), served)
        lost = [_thinned(day, seed) for seed, day in enumerate(days.days)]
        seeds = [said[unit, seed] for seed in SEEDS[unit]]
        alone = [auc(days.faulty, each) for each in seeds]
        found |= {
            f"auc_recipe@{unit}": auc(days.faulty, [np.mean(day, axis=0) for day in zip(*seeds, strict=True)]),
            f"auc_recipe_low@{unit}": min(alone),
            f"auc_recipe_high@{unit}": max(alone),
            f"auc@{unit}": auc(days.faulty, days.simulated()),
            f"auc_lost@{unit}": auc(days.faulty, days.simulated(lost)),
            f"auc_forest@{unit}": auc(days.faulty, _forest(days)),
            f"auc_reference@{unit}": least,
            f"days@{unit}": float(len(days.days)),
            f"faulty_days@{unit}": float(days.faulty.sum()),
        }
        print("\n".join(few_words(found)), flush=True)
    return found


def _recipe(unit: str, seed: int, artifact: Path, folder: Path) -> list[Floats]:
    """By day, of one seed's networks; minutes of one core."""
    torch.set_num_threads(1)
    served = Served(artifact)
    every = {name: Days(open_lbnl(folder, name), served) for name in UNITS}
    days = every.pop(unit)
    said = days.left_out(seed, [*every.values()])
    print(f"{unit}, seed {seed}: AUC {auc(days.faulty, said):.3f}", flush=True)
    return said


def passes(found: dict[str, float]) -> bool:
    """Whether the recipe is as good as the reference on both units."""
    return all(found[f"auc_recipe@{unit}"] >= least for unit, least in UNITS.items())


def _forest(days: Days) -> list[Floats]:
    """By day: mean, deviation and change of all signals within the hour, trees grown on all other days."""
    tables = [_summaries(day) for day in days.hours()]
    said = []
    for asked, table in enumerate(tables):
        others = [day for day in range(len(tables)) if day != asked]
        truth = np.concatenate([np.full(len(tables[day]), days.faulty[day]) for day in others])
        forest = RandomForestClassifier(TREES, random_state=0).fit(np.concatenate([tables[d] for d in others]), truth)
        said.append(np.asarray(forest.predict_proba(table)[:, 1], float))
    return said


def _summaries(windows: Floats) -> Floats:
    """[H, 3 S] of [H, S, 64]."""
    return np.hstack([windows.mean(axis=2), windows.std(axis=2), windows[..., -1] - windows[..., 0]])


def _thinned(day: Day, seed: int) -> pd.DataFrame:
    return day.readings.mask(np.random.default_rng(seed).random(day.readings.shape) < LOST)


def few_words(found: dict[str, float]) -> Sequence[str]:
    """A row a unit, for the card."""
    names = ("days", "faulty_days", "auc_recipe", "auc_recipe_low", "auc_recipe_high", "auc_reference", "auc_forest",
             "auc", "auc_lost")  # fmt: skip
    rows = []
    for unit in [unit for unit in UNITS if f"days@{unit}" in found]:
        days, faulty, *aucs = (found[f"{name}@{unit}"] for name in names)
        mean, low, high, *others = (f"{value:.3f}" for value in aucs)
        rows.append(f"| {unit} | {days:.0f} | {faulty:.0f} | {mean} ({low} to {high}) | {' | '.join(others)} |")
    return rows
