"""The real days of LBNL's air handlers as a gate: what a model that only knows its simulator says of them.

Each day is judged alone, with a reference made of the healthy days without it. AUC: how often an hour of a faulty day
is scored above an hour of a healthy one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bentos.fault.reference import Reference
from bentos.fault.windows import HOUR, STEP, Prepared, prepare, reference_of
from training.early_warning import NONE
from training.hvac import HEALTHY, Day, open_lbnl
from training.judgement import Served
from training.lost_readings import LOST

Floats = NDArray[np.float64]

UNITS = {"MZVAV-2-1": 0.91, "MZVAV-2-2": 0.93}  # a random forest's AUC on 60-minute windows, leave one day out
FIRST_HOUR = 6  # of a day from which the served network is asked each hour, the readings of that day behind it


def gate(served: Served, folder: Path) -> dict[str, float]:
    """By unit: AUC of the served network, never fitted on these days, and with a fifth of the samples lost."""
    found: dict[str, float] = {}
    for unit, least in UNITS.items():
        days = open_lbnl(folder, unit)
        faulty = np.array([day.fault != HEALTHY for day in days])
        judged = judged_alone(days)
        lost = judged_alone([replace(day, readings=_thinned(day, seed)) for seed, day in enumerate(days)], days)
        found |= {
            f"auc@{unit}": auc(faulty, [_asked(served, day) for day in judged]),
            f"auc_lost@{unit}": auc(faulty, [_asked(served, day) for day in lost]),
            f"auc_reference@{unit}": least,
            f"days@{unit}": float(len(days)),
            f"faulty_days@{unit}": float(faulty.sum()),
        }
    return found


def judged_alone(days: Sequence[Day], others: Sequence[Day] | None = None) -> list[Prepared]:
    """Each day against the healthy ones among the others, as they were recorded."""
    return [prepare(day.readings, _reference(others or days, day)) for day in days]


def auc(faulty: NDArray[np.bool_], said: Sequence[Floats]) -> float:
    """Of all windows of all days, whose scores are ``said`` by day."""
    truth = np.concatenate([np.full(len(score), flag) for flag, score in zip(faulty, said, strict=True)])
    return float(roc_auc_score(truth, np.concatenate(said)))


def passes(found: dict[str, float]) -> bool:
    """Whether the served network is as good as the reference on both units."""
    return all(found[f"auc@{unit}"] >= least for unit, least in UNITS.items())


def _reference(days: Sequence[Day], left: Day) -> Reference | None:
    """Of the healthy days but one; none where they are too few."""
    others = [day.readings for day in days if day.fault == HEALTHY and day.date != left.date]
    try:
        return reference_of(pd.concat(others).sort_index())
    except ValueError:
        return None


def _asked(served: Served, day: Prepared) -> Floats:
    """[hours] how sure the network is of a fault."""
    end = day.start + len(day.quarters) * STEP
    at = pd.date_range(day.start + FIRST_HOUR * HOUR, end, freq="h")
    windows = np.stack([day.window(moment) for moment in at])[..., served.places]
    kind = served.model.predict(windows)[1]
    return np.asarray(1 - kind[:, served.types.index(NONE)], float)


def _thinned(day: Day, seed: int) -> pd.DataFrame:
    return day.readings.mask(np.random.default_rng(seed).random(day.readings.shape) < LOST)
