"""What a unit was doing in each quarter-hour, and which of its sensors may be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bentos.fault.laws import LAWS, Quarters, error
from bentos.fault.points import NAMES, POINTS, REQUIRED, TEMPERATURES
from bentos.fault.reference import Reference, fitted_laws
from bentos.fault.windows import Floats, Judged, Truth, flat, held, settled

FLAT_HOURS = 6  # of running in which a sound temperature sensor moves
SPIKE = 8.0  # K away from the quarter-hours before and after, which agree: no air does that
STALE_HOURS = 2  # without a reading until now


@dataclass(frozen=True)
class Operation:
    """By quarter-hour [T]: believed readings, short gaps bridged; ``settled``: proven on since half an hour.

    ``errors`` by law are in the target's own unit, against the unit's reference or any unit's prior.
    ``flat`` and ``silent`` are true where a sensor stood still or said nothing until now. ``defects`` says by point
    what was wrong, ``known`` the share of quarter-hours that were left.
    """

    stamps: pd.DatetimeIndex
    quarters: Quarters
    settled: Truth
    errors: dict[str, Floats]
    has_reference: bool
    flat: Truth
    silent: Truth
    defects: dict[str, list[str]]
    known: dict[str, float]

    def have(self, *points: str) -> Truth:
        """True in the quarter-hours in which all of ``points`` are known."""
        known = np.ones(len(self.stamps), bool)
        for name in points:
            known &= np.isfinite(self.quarters[name])
        return known


def observe(readings: pd.DataFrame, seen: Judged, reference: Reference | None) -> Operation:
    """Readings [R, points] of a window, and the same as ``windows.judged`` saw them."""
    raw = seen.raw
    still, spikes, silent = _flat(seen), _spikes(raw), _stale(raw)
    believed = raw.copy()
    for doubted in (still, spikes):
        for name in doubted.columns[doubted.any()]:
            believed.loc[doubted[name], name] = np.nan
    quarters, laws = held(believed), fitted_laws(reference)
    return Operation(
        stamps=seen.stamps,
        quarters=quarters,
        settled=settled(quarters),
        errors={name: error(law, laws[name], quarters) for name, law in LAWS.items()},
        has_reference=reference is not None,
        flat=still.any(axis=1).to_numpy(bool),
        silent=silent.any(axis=1).to_numpy(bool),
        defects=_named(
            {
                "out of range": _out_of_range(readings),
                f"not moved for {FLAT_HOURS} hours of running": still,
                "spikes": spikes,
                f"silent for the last {STALE_HOURS} hours": silent,
            }
        ),
        known=dict(zip(NAMES, believed[NAMES].notna().mean().tolist(), strict=True)),
    )


def _named(doubts: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    points = sorted({name for doubted in doubts.values() for name in doubted.columns[doubted.any()]})
    return {name: [text for text, seen in doubts.items() if name in seen and seen[name].any()] for name in points}


def _out_of_range(readings: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in NAMES if name in readings]
    low, high = ([getattr(POINTS[name], side) for name in names] for side in ("low", "high"))
    values = readings[names].to_numpy(float)
    return pd.DataFrame((values < low) | (values > high), readings.index, names)


def _flat(seen: Judged) -> pd.DataFrame:
    """While the fan runs air temperatures move by more than a sensor's resolution. All of a stretch is doubted."""
    steps = FLAT_HOURS * 4
    running = pd.Series(seen.quarters["supply_fan_status"] > 0.95, seen.stamps)
    still = flat(seen.raw, steps).mul(running.rolling(steps).sum() == steps, axis=0).astype(float)
    return still[::-1].rolling(steps, min_periods=1).max()[::-1].eq(1)


def _spikes(raw: pd.DataFrame) -> pd.DataFrame:
    air = raw[TEMPERATURES]
    before, after = air.shift(1), air.shift(-1)
    agree = (before - after).abs() < SPIKE / 2
    return agree & ((air - before).abs() > SPIKE) & ((air - after).abs() > SPIKE)


def _stale(raw: pd.DataFrame) -> pd.DataFrame:
    latest = raw[REQUIRED].iloc[-STALE_HOURS * 4 :].isna()
    return (latest & latest.all()).reindex(raw.index, fill_value=False)
