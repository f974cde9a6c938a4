"""From a detector's verdicts over a unit's life to alerts, and what these were worth, by event.

A detector is anything that says at a moment how likely a fault is, and which: the network, the rules, a regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.early_warning import HOUR, NONE, Episode

Floats = NDArray[np.float64]
MONTH = pd.Timedelta(days=365.25) / 12
EVENT = ["unit", "code", "slow", "alerted", "seen", "late", "lead_hours", "delay_hours", "severity", "said", "alerts"]
VISIT, MISSED, LATE = 1.0, 10.0, 5.0  # cost of an alert, of a failure that nobody saw, of an alert after it


@dataclass(frozen=True)
class Verdicts:
    """What a detector said of one unit: ``score`` [N] from 0 to 1 and ``code`` [N] at ascending moments ``at``."""

    at: pd.DatetimeIndex
    score: Floats
    code: NDArray[np.str_]


@dataclass(frozen=True)
class Policy:
    """An alert begins when the score was at least ``on`` for ``hold``, and ends when it was below ``off`` for it."""

    on: float
    off: float
    hold: pd.Timedelta = 24 * HOUR


@dataclass(frozen=True)
class Alert:
    """One alert; ``end`` is none where it still stands. ``code`` is what was said when it was confirmed."""

    begin: pd.Timestamp
    end: pd.Timestamp | None
    code: str


@dataclass(frozen=True)
class Life:
    """A unit while it was watched, and the faults it had."""

    unit: str
    begin: pd.Timestamp
    end: pd.Timestamp
    episodes: list[Episode]

    @property
    def healthy_months(self) -> float:
        faulty = sum((min(e.repair, self.end) - max(e.onset, self.begin) for e in self.episodes), pd.Timedelta(0))
        return (self.end - self.begin - faulty) / MONTH


def alerts(said: Verdicts, policy: Policy) -> list[Alert]:
    """One after the other, by time and not by count: a missing verdict changes nothing."""
    score = pd.Series(said.score, said.at)
    above = (score >= policy.on).astype(float).rolling(policy.hold, closed="both").min().to_numpy() == 1
    below = (score < policy.off).astype(float).rolling(policy.hold, closed="both").min().to_numpy() == 1
    watched = said.at - said.at[0] >= policy.hold
    found: list[Alert] = []
    begun: int | None = None
    for place in np.flatnonzero((above | below) & watched).tolist():
        if begun is None and above[place]:
            begun = place
        elif begun is not None and below[place]:
            found.append(Alert(said.at[begun], said.at[place], str(said.code[begun])))
            begun = None
    if begun is not None:
        found.append(Alert(said.at[begun], None, str(said.code[begun])))
    return found


def events(life: Life, raised: Sequence[Alert]) -> pd.DataFrame:
    """A row for each episode that ends while the unit is watched: what the first alert within it was worth.

    An alert is true from onset to functional limit, late until the repair, and false outside; one that stood before the
    onset tells nothing of what began later. ``lead_hours`` is 0 for a miss, as it is for a late alert.
    """
    rows = []
    for episode in life.episodes:
        if episode.onset < life.begin or episode.repair > life.end:
            continue
        within = [alert for alert in raised if episode.onset <= alert.begin < episode.repair]
        first = within[0] if within else None
        lead = (episode.functional_limit - first.begin) / HOUR if first else 0.0
        rows.append(
            {
                "unit": life.unit,
                "code": episode.code,
                "slow": episode.slow,
                "alerted": first is not None,
                "seen": lead > 0,
                "late": first is not None and lead <= 0,
                "lead_hours": max(lead, 0.0),
                "delay_hours": (first.begin - episode.onset) / HOUR if first else np.nan,
                "severity": float(episode.severity(pd.DatetimeIndex([first.begin]))[0]) if first else np.nan,
                "said": first.code if first else NONE,
                "alerts": len(within),
            }
        )
    return pd.DataFrame(rows, columns=EVENT).astype(dict.fromkeys(("slow", "alerted", "seen", "late"), bool))


def false_alerts(life: Life, raised: Sequence[Alert]) -> int:
    """Those that began while the unit had no fault."""
    return sum(not any(e.onset <= alert.begin < e.repair for e in life.episodes) for alert in raised)


def cost(table: pd.DataFrame, false: int) -> float:
    """Of slow episodes and false alerts: a visit each alert, and what was not prevented."""
    slow = table[table["slow"]]
    return float(VISIT * (false + slow["alerts"].sum()) + MISSED * (~slow["alerted"]).sum() + LATE * slow["late"].sum())
