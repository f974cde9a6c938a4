"""Units as they are too: a fifth of the samples lost, a sensor that is dead for good, no optional point at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bentos.fault.points import NAMES, REQUIRED
from bentos.fault.windows import prepare, reference_of
from training.fleet import Watched, begun, healthy
from training.hvac import readings_of

LOST = 0.2  # of a unit's samples, each by itself


def thinned(folder: Path, unit: Watched, seed: int, *, dead: bool = True) -> Watched:
    """The unit after its healthy period with ``LOST`` of its samples missing; a point by chance is ``dead`` too."""
    rng = np.random.default_rng(seed)
    readings = begun(readings_of(folder, unit.life.unit))
    before = healthy(readings, unit.life.episodes)
    after = np.asarray(readings.index >= unit.life.begin)
    lost = (rng.random(readings.shape) < LOST) & after[:, None]
    if dead:
        silent = str(rng.choice([name for name in NAMES if name in readings]))
        lost[after, [*readings.columns].index(silent)] = True
    return replace(unit, prepared=prepare(readings.mask(lost), reference_of(before)))


def bare(folder: Path, unit: Watched) -> Watched:
    """The unit with nothing but the points that every question must have, in its healthy period too."""
    readings = begun(readings_of(folder, unit.life.unit))[[*REQUIRED]]
    before = healthy(readings, unit.life.episodes)
    return replace(unit, prepared=prepare(readings, reference_of(before)))
