"""One unit that lives through every fault in the first third of a year in Tampa, and its healthy twin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from training.laboratory.building import draw_building
from training.laboratory.campaign import Unit
from training.laboratory.faults import FAULTS, Episode
from training.laboratory.unityear import healthy, live

# Fault, sensor, limit, month and day of the onset: in Tampa, January is cool and April is warm.
LIVES = (
    ("F-CCV-LEAK", "", 0.1, "01-03"),
    ("F-HCV-LEAK", "", 0.1, "01-11"),
    ("F-OAD-STUCK", "", 0.0, "01-19"),
    ("F-OAD-LEAK", "", 0.35, "01-27"),
    ("F-SEN-DRIFT", "outdoor", 3.0, "02-04"),
    ("F-SEN-DRIFT", "return", -3.0, "02-12"),
    ("F-SEN-DRIFT", "mixed", -3.0, "02-20"),
    ("F-SEN-DRIFT", "supply", 3.0, "02-28"),
    ("F-SEN-STUCK", "mixed", 1.0, "03-08"),
    ("F-FILTER", "", 1.3, "03-16"),
    ("F-FAN-BELT", "", 0.14, "03-24"),
    ("F-DUCT-LEAK", "", 0.2, "04-01"),
    ("F-COIL-FOUL", "", 0.45, "04-09"),
    ("F-CCV-STUCK", "", 0.1, "04-17"),
    ("F-FAN-FAIL", "", 1.0, "04-25"),
)
RAMP, LASTS = pd.Timedelta(days=3), pd.Timedelta(days=5)


@dataclass(frozen=True)
class Twins:
    """``faulty`` and ``sound`` [T]: the same unit, weather, sensors and chance."""

    unit: Unit
    faulty: pd.DataFrame
    sound: pd.DataFrame

    def differ(self, fault: str, place: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
        """Readings at full severity while the twin's fan runs: what is more than in the sound twin, and the faulty."""
        (episode,) = (e for e in self.unit.episodes if (e.fault, e.place) == (fault, place))
        full = (self.faulty.index > episode.functional_limit) & (self.faulty.index <= episode.repair)
        rows = full & (self.sound["supply_fan_status"] == 1)
        return (self.faulty - self.sound)[rows], self.faulty[rows]


@pytest.fixture(scope="session")
def unit() -> Unit:
    """Its economizer's changeover is fixed, so that a sensor of the return air steers nothing."""
    building = replace(
        draw_building(np.random.default_rng(3)), economizer="fixed", minimum_outdoor=0.15, saturday=True, reset_k=2.0
    )
    episodes = []
    for fault, place, limit, day in LIVES:
        onset = pd.Timestamp(f"2017-{day}T14:00Z")
        end = onset if FAULTS[fault].abrupt else onset + RAMP
        episodes.append(Episode(fault, place, onset, end, onset + LASTS, 1.0, limit))
    return Unit("check", "test", "tampa", "check", building, 2017, [6, 9, 9], 121, tuple(episodes))


@pytest.fixture(scope="session")
def twins(unit: Unit, tmp_path_factory: pytest.TempPathFactory) -> Twins:
    faulty, sound = (live(one, tmp_path_factory.mktemp("energyplus")) for one in (unit, healthy(unit)))
    return Twins(unit, faulty, sound)
