"""From readings to what the network and the rules see: the last 72 hours, and the days before them at a glance.

A window has two clocks on one axis of 288 steps. Most channels run through 72 hours in quarter-hours. Those named
``long_…`` run through 36 days, eight steps a day, with a day's median residuals: 72 hours alone hardly show a drift of
weeks. A reading stamped t stands for the quarter-hour from t on and is known at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bentos.fault.laws import CLOSED, LAWS, fit, residual
from bentos.fault.points import NAMES, POINTS
from bentos.fault.reference import DAILY, HISTORY_DAYS, HOURS, FittedLaw, Reference, fitted_laws

Floats = NDArray[np.float64]
Window = NDArray[np.float32]

STEP = pd.Timedelta(minutes=15)
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
STEPS = 288
SPAN = STEPS * STEP
WARM = 8  # quarter-hours before a residual or a day can be judged: what is remembered reaches that far back
HELD = 2  # quarter-hours that a reading may stand in for those missing after it
SETTLED = 3  # quarter-hours of running after which temperatures have settled
FLAT = 8  # quarter-hours in which a sound temperature sensor moves
HEALTHY_DAYS = 14
LEAST_OF_DAY = 4  # quarter-hours from which a median is taken
APART = 5.0  # K between outdoor and return air from which their mixture tells its share (APAR: 5.6 K)
RESIDUAL_SPREAD = 4.0  # deviations that become one on a channel

SENSORS = ["outdoor_air_temperature", "return_air_temperature", "mixed_air_temperature", "supply_air_temperature"]
QUARTERLY = [
    *NAMES,
    *[f"known_{name}" for name in NAMES],
    "settled",
    "flat",
    *[f"residual_{law}" for law in LAWS],
    "has_reference",
]
LONG = [*[f"long_{name}" for name in DAILY], "long_known"]
CHANNELS = [*QUARTERLY, *LONG]
JUDGED = slice(QUARTERLY.index("settled"), QUARTERLY.index("has_reference"))


@dataclass(frozen=True)
class Prepared:
    """A unit's readings made ready for windows at many moments.

    ``quarters`` is [R, len(QUARTERLY)] from ``start`` on; ``days`` is [D, len(DAILY) + 1] from ``first_day`` on without
    a gap, the hours last, NaN where nothing was judged.
    """

    start: pd.Timestamp
    quarters: Window
    first_day: pd.Timestamp
    days: Floats
    has_reference: bool

    def window(self, at: pd.Timestamp) -> Window:
        """[STEPS, len(CHANNELS)] as it was known ``at`` that moment; zeros where there are no readings."""
        last = (at - self.start) // STEP  # so many rows have ended
        first = last - STEPS
        rows = self.quarters[max(first, 0) : max(last, 0)]
        seen = np.zeros((STEPS, len(QUARTERLY)), np.float32)
        seen[max(-first, 0) : max(-first, 0) + len(rows)] = rows
        seen[:WARM, JUDGED] = 0
        seen[:, -1] = self.has_reference
        return np.hstack([seen, self._long(at)])

    def _long(self, at: pd.Timestamp) -> Window:
        """[STEPS, len(LONG)]: the days that have ended, each a few steps long."""
        last = (at.floor("D") - self.first_day) // DAY
        first = last - HISTORY_DAYS
        # Without a reference nobody carries the days before the window.
        begin = first if self.has_reference else -((self.first_day - (at - SPAN + WARM * STEP)) // DAY)
        rows = self.days[max(first, begin, 0) : max(last, 0)]
        days = np.full((HISTORY_DAYS, len(DAILY) + 1), np.nan)
        place = max(first, begin, 0) - first
        days[place : place + len(rows)] = rows
        moved, known = _carried_on(days[:, :-1]) / RESIDUAL_SPREAD, np.nan_to_num(days[:, -1:]) / 24
        return np.repeat(np.hstack([moved, known]), STEPS // HISTORY_DAYS, axis=0).astype(np.float32)


def quarter_hours(readings: pd.DataFrame) -> pd.DataFrame:
    """Means by quarter-hour on a gapless UTC index, columns ``NAMES``; NaN where unknown or out of a sensor's range."""
    low, high = [[getattr(POINTS[name], side) for name in NAMES] for side in ("low", "high")]
    known = readings.reindex(columns=NAMES).astype(float)
    sound = known.where(known.ge(low, axis=1) & known.le(high, axis=1))
    return sound.tz_convert("UTC").resample(STEP).mean()


def held(quarters: pd.DataFrame) -> pd.DataFrame:
    """The same with short gaps bridged by the reading before."""
    return quarters.ffill(limit=HELD)


def settled(quarters: pd.DataFrame) -> pd.Series:
    """True where the fan is proven on and has been since ``SETTLED`` quarter-hours."""
    running = (quarters["supply_fan_status"] > 0.95).astype(float)
    return running.rolling(SETTLED).sum() >= SETTLED


def flat(quarters: pd.DataFrame) -> pd.DataFrame:
    """True where a temperature has not moved at all for ``FLAT`` quarter-hours, columns ``SENSORS``."""
    seen = quarters[SENSORS].rolling(FLAT, min_periods=FLAT // 2)
    return (seen.max() - seen.min()).eq(0)


def residuals(quarters: pd.DataFrame, reference: Reference | None) -> pd.DataFrame:
    """A column a law, in expected deviations, NaN outside settled operation; ``quarters`` as ``held`` gives them."""
    fitted, judged = fitted_laws(reference), settled(quarters)
    columns = {name: residual(law, fitted[name], quarters) for name, law in LAWS.items()}
    return pd.DataFrame(columns, index=quarters.index).where(judged)


def daily(readings: pd.DataFrame, reference: Reference | None) -> pd.DataFrame:
    """A row for each whole UTC day in ``readings``: medians ``DAILY`` of occupied, settled hours, and ``HOURS``.

    The same from a year as from three days around it: a day needs ``WARM`` quarter-hours before it.
    """
    quarters = held(quarter_hours(readings))
    return _days(quarters, residuals(quarters, reference))


def prepare(readings: pd.DataFrame, reference: Reference | None) -> Prepared:
    """Readings of any length and step up to a quarter-hour, columns among ``NAMES``, aware ascending index."""
    raw = quarter_hours(readings)
    quarters = held(raw)
    moved = residuals(quarters, reference)
    days = _days(quarters, moved)
    if reference is not None:
        days = days.combine_first(reference.days())
    gapless = days[[*DAILY, HOURS]].asfreq("D")
    first_day = gapless.index[0] if len(gapless) else raw.index[0].floor("D")
    quarterly = _quarterly(raw, quarters, moved)
    return Prepared(raw.index[0], quarterly, first_day, gapless.to_numpy(float), reference is not None)


def windows(readings: pd.DataFrame, reference: Reference | None, moments: Sequence[pd.Timestamp]) -> Window:
    """[N, STEPS, len(CHANNELS)] for many moments of one unit."""
    prepared = prepare(readings, reference)
    return np.stack([prepared.window(at) for at in moments])


def channels(readings: pd.DataFrame, reference: Reference | None) -> Window:
    """[STEPS, len(CHANNELS)] at the end of the last reading."""
    prepared = prepare(readings, reference)
    return prepared.window(prepared.start + len(prepared.quarters) * STEP)


def reference_of(readings: pd.DataFrame) -> Reference:
    """The unit's laws in a healthy period. Raises ``ValueError`` where less than ``HEALTHY_DAYS`` are given or seen."""
    quarters = held(quarter_hours(readings))
    judged = settled(quarters)
    if quarters.index[-1] - quarters.index[0] < HEALTHY_DAYS * DAY - HOUR:
        raise ValueError(f"A healthy period has at least {HEALTHY_DAYS} days; send more.")
    if judged.sum() < HEALTHY_DAYS * 4 * 2:
        raise ValueError("The fan ran for less than two hours a day; send a period in which the unit was used.")
    return Reference(
        healthy_from=quarters.index[0].date(),
        healthy_until=quarters.index[-1].date(),
        laws={name: FittedLaw.of(fit(law, quarters, judged)) for name, law in LAWS.items()},
    )


def updated(reference: Reference, readings: pd.DataFrame) -> Reference:
    """The reference with the whole days of ``readings`` in its history; what was healthy stays as it was."""
    return reference.with_days(daily(readings, reference).combine_first(reference.days()))


def _carried_on(days: Floats) -> Floats:
    """Each column's last known value until the next, zero before the first: a weekend is no news."""
    rows = np.arange(len(days))[:, None]
    latest = np.maximum.accumulate(np.where(np.isfinite(days), rows, -1), axis=0)
    return np.where(latest >= 0, np.take_along_axis(days, latest.clip(min=0), axis=0), 0.0)


def _quarterly(raw: pd.DataFrame, quarters: pd.DataFrame, moved: pd.DataFrame) -> Window:
    centre, spread = [np.array([getattr(POINTS[name], side) for name in NAMES]) for side in ("centre", "spread")]
    values, judged = raw.to_numpy(), settled(quarters).to_numpy()
    columns = [
        np.nan_to_num((values - centre) / spread),
        np.isfinite(values),
        judged[:, None],
        (flat(raw).sum(axis=1).to_numpy() / len(SENSORS) * judged)[:, None],
        np.nan_to_num(moved.to_numpy() / RESIDUAL_SPREAD),
        np.zeros((len(raw), 1)),
    ]
    return np.hstack(columns).astype(np.float32)


def conditions(quarters: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    """Columns ``DAILY``: each residual in the quarter-hours that tell something of its part.

    ``outdoor_share`` is positive where more outdoor air is mixed in than the damper should let in, in any weather.
    """
    damper, cooling = quarters["outdoor_damper_position"], quarters["cooling_valve_position"]
    heating = quarters["heating_valve_position"]
    drive = quarters["outdoor_air_temperature"] - quarters["return_air_temperature"]
    share = moved["mixing"] * np.sign(drive.where(drive.abs() >= APART))
    idle = (cooling <= CLOSED) & (heating <= CLOSED)
    split = {
        "mixing_low_damper": moved["mixing"].where(damper < 40),
        "mixing_high_damper": moved["mixing"].where(damper >= 40),
        "outdoor_share": share,
        "coil_idle": moved["coil"].where(idle),
        "coil_cooling": moved["coil"].where(cooling > 5),
        "coil_heating": moved["coil"].where(heating > 5),
    }
    return pd.DataFrame({name: split.get(name, moved.get(name)) for name in DAILY})


def _days(quarters: pd.DataFrame, moved: pd.DataFrame) -> pd.DataFrame:
    used = quarters["occupied"].fillna(1) > 0.5
    stamps = pd.DatetimeIndex(quarters.index)
    by_day = conditions(quarters, moved).where(used).groupby(stamps.floor("D"))
    days = by_day.median().where(by_day.count() >= LEAST_OF_DAY).round(2)
    days[HOURS] = (settled(quarters) & used).groupby(stamps.floor("D")).sum() / 4
    begun = pd.DatetimeIndex(days.index)
    return days[(begun >= stamps[0] + WARM * STEP) & (begun + DAY <= stamps[-1] + STEP)]
