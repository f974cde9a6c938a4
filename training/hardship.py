"""What lost readings cost: the same units with a fifth of all samples missing and one sensor that is dead for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from training.fault_pipeline import EVERY
from training.fleet import Watched
from training.judgement import Served
from training.lost_readings import thinned
from training.progress import steps


def f1_with_lost_readings(served: Served, folder: Path, test: list[Watched]) -> dict[str, float]:
    """Q17: macro-F1 of the type by moment as measured less that with lost readings; both stand beside it."""
    truth, whole, lost = [], [], []
    for seed, unit in enumerate(steps(test, "losing readings", "unit")):
        at = unit.moments(2 * EVERY)
        labels = unit.labels(at, served.types)
        told = labels.telling
        truth.append(labels.kind[told])
        whole.append(served.ask(unit, at[told]).kind.argmax(axis=1))
        lost.append(served.ask(thinned(folder, unit, seed), pd.DatetimeIndex(at[told])).kind.argmax(axis=1))
    came = np.concatenate(truth)
    kinds = np.unique(came)
    before, after = (
        float(f1_score(came, np.concatenate(said), labels=kinds, average="macro", zero_division=0.0))
        for said in (whole, lost)
    )
    return {"Q17": before - after, "f1_whole": before, "f1_lost": after}
