"""What breaks, how its severity grows, and what that does to a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Season = Literal["any", "warm", "cool", "away"]
WORST = 1.3  # a part left in place gets no worse than that, in limits


@dataclass(frozen=True)
class Fault:
    """``effect`` is the column that it moves, ``unit`` of its limit, ``season`` when the part works so that it shows.

    ``places`` are the sensors that it may sit in; the effect's name then begins with the place.
    """

    effect: str
    unit: str
    season: Season = "any"
    abrupt: bool = False
    places: tuple[str, ...] = ()


FAULTS = {
    "F-FILTER": Fault("clogging", "growth of the filter's resistance"),
    "F-FAN-BELT": Fault("slip", "share of the fan's speed"),
    "F-DUCT-LEAK": Fault("duct_leak", "share of the fan's flow"),
    "F-OAD-LEAK": Fault("damper_leak", "share of outdoor air past the shut damper", "away"),
    "F-CCV-LEAK": Fault("cooling_leak", "share of the greatest water flow", "cool"),
    "F-HCV-LEAK": Fault("heating_leak", "share of the greatest water flow", "cool"),
    "F-COIL-FOUL": Fault("coil_fouling", "share of the cooling coil's conductance", "warm"),
    "F-SEN-DRIFT": Fault("offset", "K", places=("outdoor", "return", "supply", "mixed")),
    "F-FAN-FAIL": Fault("fan_failed", "1", abrupt=True),
    "F-OAD-STUCK": Fault("damper_stuck_at", "share of outdoor air", "away", abrupt=True),
    "F-CCV-STUCK": Fault("cooling_stuck_at", "share of the greatest water flow", "warm", abrupt=True),
    "F-SEN-STUCK": Fault("frozen", "1", abrupt=True, places=("outdoor", "return", "mixed")),
}
SLOW = [code for code, fault in FAULTS.items() if not fault.abrupt]
ABRUPT = [code for code, fault in FAULTS.items() if fault.abrupt]


@dataclass(frozen=True)
class Episode:
    """One fault's life. ``limit`` is its magnitude at severity 1, where the part no longer does its work.

    An abrupt fault has its full severity from the onset on, which is its functional limit too. Times are UTC.
    """

    fault: str
    place: str
    onset: pd.Timestamp
    functional_limit: pd.Timestamp
    repair: pd.Timestamp
    shape: float  # exponent of the ramp
    limit: float

    @property
    def effect(self) -> str:
        fault = FAULTS[self.fault]
        return f"{self.place}_{fault.effect}" if self.place else fault.effect


def severity(episode: Episode, moments: pd.DatetimeIndex) -> Floats:
    """[T] 0 until the onset, 1 at the functional limit, on at the same pace to ``WORST``, 0 from the repair on."""
    lasts = np.asarray((moments > episode.onset) & (moments <= episode.repair))
    if FAULTS[episode.fault].abrupt:
        return lasts.astype(float)
    way = np.asarray((moments - episode.onset) / (episode.functional_limit - episode.onset), float)
    return np.where(lasts, np.minimum(np.clip(way, 0, None) ** episode.shape, WORST), 0.0)


def effects(episodes: Sequence[Episode], moments: pd.DatetimeIndex) -> pd.DataFrame:
    """[T] each effect's magnitude at each of ``moments``, 0 where nothing is wrong; ``…_stuck`` says 1 while it is."""
    names = [f"{place}_{f.effect}" if place else f.effect for f in FAULTS.values() for place in f.places or ("",)]
    table = pd.DataFrame(0.0, index=moments, columns=names)
    for part in ("damper_stuck", "cooling_stuck"):
        table[part] = 0.0
    for episode in episodes:
        grown = severity(episode, moments)
        table[episode.effect] += grown * episode.limit
        if episode.effect.endswith("_stuck_at"):
            table[episode.effect.removesuffix("_at")] += grown
    return table
