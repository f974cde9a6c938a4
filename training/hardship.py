"""What lost readings cost: the same units with a fifth of all samples missing, and with a sensor dead for good too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.fault_pipeline import EVERY
from training.fleet import Watched
from training.judgement import Served, macro_f1
from training.lost_readings import thinned
from training.progress import steps


def f1_with_lost_readings(served: Served, folder: Path, test: list[Watched]) -> dict[str, float]:
    """What macro-F1 of the type by moment loses: Q17 with a fifth of the samples and one sensor, Q17b with the samples
    alone. The three scores stand beside."""
    truth: list[NDArray[np.int64]] = []
    said: dict[str, list[NDArray[np.int64]]] = {"whole": [], "lost": [], "thinned": []}
    for seed, unit in enumerate(steps(test, "losing readings", "unit")):
        at = unit.moments(2 * EVERY)
        labels = unit.labels(at, served.types)
        asked = pd.DatetimeIndex(at[labels.telling])
        truth.append(labels.kind[labels.telling])
        lived = {"whole": unit, "lost": thinned(folder, unit, seed), "thinned": thinned(folder, unit, seed, dead=False)}
        for name, each in lived.items():
            said[name].append(served.ask(each, asked).kind.argmax(axis=1))
    came = np.concatenate(truth)
    whole, lost, few = (macro_f1(came, np.concatenate(said[name])) for name in ("whole", "lost", "thinned"))
    return {"Q17": whole - lost, "Q17b": whole - few, "f1_whole": whole, "f1_lost": lost, "f1_thinned": few}
