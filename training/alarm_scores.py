"""What alerts were worth over a fleet, under the ids of the targets, and where the alarm is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from training.alarms import VISIT, Life, Policy, Verdicts, alerts, cost, events, false_alerts
from training.early_warning import HOUR, Floats

RESAMPLES = 1000
ON = np.concatenate([np.arange(0.05, 0.96, 0.05), [0.97, 0.98, 0.99, 0.995]])
OFF_SHARES = (0.5, 0.25, 0.1)  # of ``on``: an alert ends where the score has fallen so far
HOLDS = [24 * HOUR, 48 * HOUR, 72 * HOUR, 120 * HOUR]


@dataclass(frozen=True)
class Outcome:
    """Of a whole fleet: ``episodes`` has a row an episode, ``units`` a row a unit."""

    episodes: pd.DataFrame
    units: pd.DataFrame

    @property
    def false_a_month(self) -> float:
        return float(self.units["false"].sum() / self.units["months"].sum())

    @property
    def misnamed(self) -> int:
        """Alerted episodes whose fault was called another."""
        alerted = self.episodes[self.episodes["alerted"]]
        return int((alerted["code"] != alerted["said"]).sum())

    @property
    def misnamed_share(self) -> float:
        """Of the alerted episodes."""
        return self.misnamed / max(int(self.episodes["alerted"].sum()), 1)

    @property
    def cost_a_month(self) -> float:
        return float(self.units["cost"].sum() / self.units["months"].sum())


def outcome(lives: Sequence[Life], said: Sequence[Verdicts], policy: Policy) -> Outcome:
    """Alerts raised and matched, unit by unit."""
    tables, rows = [], []
    for life, verdicts in zip(lives, said, strict=True):
        raised = alerts(verdicts, policy)
        table, false = events(life, raised), false_alerts(life, raised)
        tables.append(table)
        rows.append({"unit": life.unit, "false": false, "months": life.healthy_months, "cost": cost(table, false)})
    return Outcome(pd.concat([t for t in tables if len(t)] or tables[:1]), pd.DataFrame(rows).set_index("unit"))


def set_alarm(
    lives: Sequence[Life],
    said: Sequence[Verdicts],
    allowed: float,
    misnamed: float = 1.0,
    holds: Sequence[pd.Timedelta] = HOLDS,
) -> Policy:
    """The cheapest policy with at most ``allowed`` false alerts a unit and month, and no larger share ``misnamed``; the
    one that comes nearest if there is none.

    A fault that is named wrongly costs another visit here. Set on validation units, never on those it is judged by.
    """
    tried = []
    for hold, on, share in product(holds, ON, OFF_SHARES):
        policy = Policy(float(on), float(on * share), hold)
        found = outcome(lives, said, policy)
        excess = max(found.false_a_month - allowed, 0.0) + max(found.misnamed_share - misnamed, 0.0)
        cost = found.cost_a_month + VISIT * found.misnamed / found.units["months"].sum()
        tried.append((excess, cost, -found.episodes["lead_hours"].sum(), on, policy))
    return min(tried, key=lambda each: each[:4])[4]


def figures(found: Outcome) -> dict[str, float]:
    """Q10 to Q13 and Q16's cost a unit-month: slow episodes for Q10 and Q11, all that were alerted for Q13."""
    slow, alerted = found.episodes[found.episodes["slow"]], found.episodes[found.episodes["alerted"]]
    abrupt = found.episodes[~found.episodes["slow"]]
    right = alerted["code"] == alerted["said"]
    return {
        "Q10": float(slow["seen"].mean()),
        "Q11": float(slow["lead_hours"].median()),
        "Q11b": float(slow["lead_hours"].quantile(0.1)),
        "Q11c": float(slow["severity"].median()),
        "Q12": found.false_a_month,
        "Q13": _macro_f1(alerted),
        "Q13b": float(1 - right.mean()),
        "Q16": found.cost_a_month,
        "abrupt_alerted": float(abrupt["alerted"].mean()),
        "abrupt_delay_hours": float(abrupt["delay_hours"].median()),
    }


def intervals(found: Outcome, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of ``figures``, whole units drawn."""
    rng, names = np.random.default_rng(seed), found.units.index.to_numpy()
    unit_of = found.episodes["unit"].to_numpy()
    by_unit = {name: np.flatnonzero(unit_of == name) for name in names}
    draws = []
    for _ in range(RESAMPLES):
        chosen = rng.choice(names, len(names))
        episodes = found.episodes.iloc[np.concatenate([by_unit[name] for name in chosen])]
        draws.append(figures(Outcome(episodes, found.units.loc[chosen])))
    low, high = pd.DataFrame(draws).quantile([0.025, 0.975]).to_numpy()
    return {name: (float(low[k]), float(high[k])) for k, name in enumerate(draws[0])}


def by_type(found: Outcome) -> pd.DataFrame:
    """A row a fault: how many, share seen before the limit, lead, severity at the alert, share named rightly."""
    table = found.episodes.assign(right=found.episodes["code"] == found.episodes["said"])
    table["right"] = table["right"].where(table["alerted"])
    grouped = table.groupby("code")
    columns = {
        "episodes": grouped.size(),
        "alerted": grouped["alerted"].mean(),
        "seen": grouped["seen"].mean(),
        "lead_hours": grouped["lead_hours"].median(),
        "severity": grouped["severity"].median(),
        "right": grouped["right"].mean(),
    }
    return pd.DataFrame(columns)


def calibration_error(chance: Floats, happened: Floats, bins: int = 10) -> float:
    """Expected calibration error: of ``bins`` equal steps, said against happened, weighted by how often it is said."""
    step = np.minimum((chance * bins).astype(int), bins - 1)
    counts = np.bincount(step, minlength=bins)
    gaps = np.bincount(step, chance - happened, minlength=bins)
    return float(np.abs(gaps[counts > 0]).sum() / len(chance))


def _macro_f1(alerted: pd.DataFrame) -> float:
    """Mean over the faults that were alerted; by hand, since it is asked for a thousand times."""
    was, said = alerted["code"].to_numpy(str), alerted["said"].to_numpy(str)
    shares = [
        2 * float(((was == code) & (said == code)).sum()) / float((was == code).sum() + (said == code).sum())
        for code in np.unique(was)
    ]
    return float(np.mean(shares)) if shares else 0.0
