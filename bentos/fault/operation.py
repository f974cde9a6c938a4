"""What a unit was doing in each quarter-hour, and which of its sensors may be believed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bentos.fault.laws import LAWS, error
from bentos.fault.points import NAMES, POINTS, REQUIRED, TEMPERATURES
from bentos.fault.reference import Reference, fitted_laws
from bentos.fault.windows import SENSORS, held, quarter_hours, settled

FLAT_HOURS = 6  # of running in which a sound temperature sensor moves
SPIKE = 8.0  # K away from the quarter-hours before and after, which agree: no air does that
STALE_HOURS = 2  # without a reading until now


@dataclass(frozen=True)
class Operation:
    """``quarters``: believed readings, short gaps bridged; ``settled``: proven on since half an hour.

    ``errors`` has a column a law, in the target's own unit, against the unit's reference or any unit's prior.
    ``flat`` and ``silent`` are true where a sensor stood still or said nothing until now. ``defects`` says by point
    what was wrong, ``known`` the share of quarter-hours that were left.
    """

    quarters: pd.DataFrame
    settled: pd.Series
    errors: pd.DataFrame
    has_reference: bool
    flat: pd.Series
    silent: pd.Series
    defects: dict[str, list[str]]
    known: dict[str, float]

    def have(self, *points: str) -> pd.Series:
        """True in the quarter-hours in which all of ``points`` are known."""
        return self.quarters[list(points)].notna().all(axis=1)


def observe(readings: pd.DataFrame, reference: Reference | None) -> Operation:
    """From readings [R, points] of a window, as ``windows.quarter_hours`` takes them."""
    raw = quarter_hours(readings)
    flat, spikes, silent = _flat(raw), _spikes(raw), _stale(raw)
    sound = raw.mask(flat.reindex(columns=raw.columns, fill_value=False))
    believed = sound.mask(spikes.reindex(columns=raw.columns, fill_value=False))
    quarters, laws = held(believed), fitted_laws(reference)
    return Operation(
        quarters=quarters,
        settled=settled(quarters),
        errors=pd.DataFrame({name: error(law, laws[name], quarters) for name, law in LAWS.items()}, raw.index),
        has_reference=reference is not None,
        flat=flat.any(axis=1),
        silent=silent.any(axis=1),
        defects=_named(
            {
                "out of range": _out_of_range(readings),
                f"not moved for {FLAT_HOURS} hours of running": flat,
                "spikes": spikes,
                f"silent for the last {STALE_HOURS} hours": silent,
            }
        ),
        known={name: float(believed[name].notna().mean()) for name in NAMES},
    )


def _named(doubts: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    points = sorted({name for doubted in doubts.values() for name in doubted.columns[doubted.any()]})
    return {name: [text for text, seen in doubts.items() if name in seen and seen[name].any()] for name in points}


def _out_of_range(readings: pd.DataFrame) -> pd.DataFrame:
    found = {name: ~readings[name].between(POINTS[name].low, POINTS[name].high) for name in NAMES if name in readings}
    return pd.DataFrame(found, index=readings.index) & readings.notna()


def _flat(raw: pd.DataFrame) -> pd.DataFrame:
    """While the fan runs air temperatures move by more than a sensor's resolution."""
    running = held(raw)["supply_fan_status"] > 0.95
    steps = FLAT_HOURS * 4
    seen = raw[SENSORS].where(running).rolling(steps, min_periods=steps // 2)
    still = (seen.max() - seen.min()).eq(0) & running.rolling(steps).sum().eq(steps).to_numpy()[:, None]
    # all of the stretch is doubted, not only its end
    return still[::-1].rolling(steps, min_periods=1).max()[::-1].eq(1)


def _spikes(raw: pd.DataFrame) -> pd.DataFrame:
    air = raw[TEMPERATURES]
    before, after = air.shift(1), air.shift(-1)
    agree = (before - after).abs() < SPIKE / 2
    return agree & ((air - before).abs() > SPIKE) & ((air - after).abs() > SPIKE)


def _stale(raw: pd.DataFrame) -> pd.DataFrame:
    latest = raw[REQUIRED].iloc[-STALE_HOURS * 4 :].isna()
    return (latest & latest.all()).reindex(raw.index, fill_value=False)
