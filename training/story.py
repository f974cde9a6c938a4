"""One simulated unit in which one thing slowly breaks, and is repaired: a story to be played to a running system."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from training.fleet import begun
from training.laboratory.building import draw_building
from training.laboratory.campaign import DAY, Unit
from training.laboratory.faults import FAULTS, Episode
from training.laboratory.unityear import live

HEALTHY_DAYS, RAMP_DAYS, LATE_DAYS, AFTER_DAYS = 28, 16, 2, 7
LIMITS = {"F-FILTER": 1.6, "F-CCV-LEAK": 0.12, "F-HCV-LEAK": 0.12, "F-FAN-BELT": 0.16, "F-OAD-LEAK": 0.4}


def tell(fault: str, climate: str, seed: int) -> tuple[pd.DataFrame, Episode]:
    """[T] quarter-hours of all points by UTC, stamped by their begin, and what went wrong in them.

    Four healthy weeks, a fault that grows for sixteen days and is repaired two days later, and a healthy week. The
    fault is one of ``LIMITS``. Raises ``ValueError`` for another one.
    """
    if fault not in LIMITS:
        raise ValueError(f"There is no story of {fault}. There are {', '.join(LIMITS)}.")
    days = HEALTHY_DAYS + RAMP_DAYS + LATE_DAYS + AFTER_DAYS
    building = draw_building(np.random.default_rng(seed))
    unit = Unit(f"story-{seed}-{climate}", "test", climate, f"story-{seed}", building, 2021, [seed, 0, 0], days)
    onset = unit.moments[HEALTHY_DAYS * 96 + 40]  # at ten in the morning
    episode = Episode(
        fault=fault,
        place=next(iter(FAULTS[fault].places), ""),
        onset=onset,
        functional_limit=onset + RAMP_DAYS * DAY,
        repair=onset + (RAMP_DAYS + LATE_DAYS) * DAY,
        shape=1.0,
        limit=LIMITS[fault],
    )
    with tempfile.TemporaryDirectory(prefix="energyplus-") as place:
        return begun(live(replace(unit, episodes=(episode,)), Path(place))), episode
