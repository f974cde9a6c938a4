"""Log-odds to chances that hold, and chances to warning levels, by units that the network was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from bentos.fault.diagnosis import Level
from bentos.fault.schema import HORIZONS
from training.alarms import MISSED, VISIT
from training.early_warning import Labels

Floats = NDArray[np.float64]
LEVELS = {2: 168, 3: 24, 4: 6}  # hours within which a failure is likely, by warning level; a notice is the alarm's
SILENT = 0.995  # share of a healthy unit's moments at which no level is reached
FEWEST = 20  # positive moments without which a horizon keeps the network's own odds


@dataclass(frozen=True)
class Calibration:
    """``slope`` and ``offset`` [6]: the chance is the logistic of slope × log-odds + offset (Platt 1999).

    Training saw faults more often than life does; the offset takes that back.
    """

    slope: Floats
    offset: Floats

    def chances(self, hazard: Floats) -> Floats:
        """[N, 6] that never fall with the horizon."""
        return np.maximum.accumulate(np.asarray(expit(self.slope * hazard + self.offset)), axis=1)


def calibrate(hazard: Floats, truth: Labels) -> Calibration:
    """From log-odds [N, 6] and what came, where it can be judged."""
    lines = [_line(hazard[judged, k], truth.hazard[judged, k]) for k, judged in enumerate(truth.judged.T)]
    slope, offset = np.array(lines).T
    return Calibration(slope, offset)


def levels(chances: Floats, truth: Labels) -> list[Level]:
    """From which chance each level holds: one that healthy moments hardly ever reach, and that is worth a visit.

    A visit is worth it where the chance of a failure exceeds the visit's share of the failure's cost.
    """
    calm = (truth.severity == 0) & (truth.hazard[:, -1] == 0)
    reached = np.quantile(chances[calm], SILENT, axis=0) if calm.any() else np.ones(len(HORIZONS))
    least = [max(VISIT / MISSED, float(reached[HORIZONS.index(hours)])) for hours in LEVELS.values()]
    return [
        Level(level=level, hours=hours, probability=round(chance, 4))
        for (level, hours), chance in zip(LEVELS.items(), least, strict=True)
    ]


def _line(odds: Floats, came: NDArray[np.float32]) -> tuple[float, float]:
    if min(came.sum(), (1 - came).sum()) < FEWEST:
        return 1.0, 0.0
    fitted = LogisticRegression(C=1e3).fit(odds[:, None], came > 0)
    return max(float(fitted.coef_[0, 0]), 0.0), float(fitted.intercept_[0])
