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

from bentos.fault.laws import CLOSED, LAWS, Quarters, fit, residual
from bentos.fault.points import NAMES, POINTS
from bentos.fault.reference import DAILY, HISTORY_DAYS, HOURS, FittedLaw, Reference, fitted_laws

Floats = NDArray[np.float64]
Window = NDArray[np.float32]
Truth = NDArray[np.bool_]

STEP = pd.Timedelta(minutes=15)
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
STEPS = 288
SPAN = STEPS * STEP
WARM = 8  # quarter-hours before a residual or a day can be judged: what is remembered reaches that far back
HELD = 2  # quarter-hours that a reading may stand in for those missing after it
SETTLED = 3  # quarter-hours of running after which temperatures have settled
TURNING = 5.0  # % of speed from which a fan is surely told to turn
FLAT = 8  # quarter-hours in which a sound temperature sensor moves
HEALTHY_DAYS = 14
LEAST_OF_DAY = 4  # quarter-hours from which a median is taken
LEAST_SHARE = 0.25  # of a day, in which the least air is needed
ALL = 90.0  # % of valve travel that is as good as all
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


def held(raw: pd.DataFrame) -> dict[str, Floats]:
    """By point, with short gaps bridged by the reading before."""
    return {str(name): column.to_numpy() for name, column in raw.ffill(limit=HELD).items()}


def settled(quarters: Quarters) -> Truth:
    """True where the fan is proven on and has been since ``SETTLED`` quarter-hours.

    Where its status is not known, a fan that is told to turn is believed to.
    """
    status = quarters["supply_fan_status"]
    turning = np.where(np.isnan(status), quarters["supply_fan_speed"] > TURNING, status > 0.95)
    running = turning.copy()
    for before in range(1, SETTLED):
        running[before:] &= turning[:-before]
        running[:before] = False
    return running


def flat(raw: pd.DataFrame, steps: int) -> pd.DataFrame:
    """True where a temperature has not moved at all for so many quarter-hours, columns ``SENSORS``."""
    seen = raw[SENSORS].rolling(steps, min_periods=steps // 2)
    return (seen.max() - seen.min()).eq(0)


@dataclass(frozen=True)
class Judged:
    """Quarter-hours [R] from ``stamps`` on: as measured, as held, where settled, and residuals by law."""

    stamps: pd.DatetimeIndex
    raw: pd.DataFrame
    quarters: Quarters
    settled: Truth
    moved: dict[str, Floats]

    def last(self, steps: int) -> Judged:
        """The same for the latest quarter-hours alone."""
        quarters, moved = ({name: v[-steps:] for name, v in of.items()} for of in (self.quarters, self.moved))
        return Judged(self.stamps[-steps:], self.raw.iloc[-steps:], quarters, self.settled[-steps:], moved)


def judged(readings: pd.DataFrame, reference: Reference | None) -> Judged:
    """Readings of any length and step up to a quarter-hour, columns among ``NAMES``, aware ascending index."""
    raw = quarter_hours(readings)
    quarters, fitted = held(raw), fitted_laws(reference)
    running = settled(quarters)
    moved = {name: np.where(running, residual(law, fitted[name], quarters), np.nan) for name, law in LAWS.items()}
    return Judged(pd.DatetimeIndex(raw.index), raw, quarters, running, moved)


def conditions(seen: Judged) -> dict[str, Floats]:
    """By name of ``DAILY``: each residual in the quarter-hours that tell something of its part.

    ``outdoor_share`` is positive where more outdoor air is mixed in than the damper should let in, in any weather;
    ``mixing_still`` is about nothing but sensors, since mixing alike with alike shows no damper.
    ``supply_deviation_open`` is what a coil cannot do any more that is asked for all it can.
    """
    r, moved = seen.quarters, seen.moved
    drive = r["outdoor_air_temperature"] - r["return_air_temperature"]
    idle = (r["cooling_valve_position"] <= CLOSED) & (r["heating_valve_position"] <= CLOSED)
    split = {
        "mixing_low_damper": np.where(r["outdoor_damper_position"] < 40, moved["mixing"], np.nan),
        "mixing_high_damper": np.where(r["outdoor_damper_position"] >= 40, moved["mixing"], np.nan),
        "mixing_still": np.where(np.abs(drive) < APART, moved["mixing"], np.nan),
        "outdoor_share": np.where(np.abs(drive) >= APART, moved["mixing"] * np.sign(drive), np.nan),
        "coil_idle": np.where(idle, moved["coil"], np.nan),
        "coil_cooling": np.where(r["cooling_valve_position"] > 5, moved["coil"], np.nan),
        "coil_heating": np.where(r["heating_valve_position"] > 5, moved["coil"], np.nan),
        "supply_deviation_open": np.where(r["cooling_valve_position"] > ALL, moved["supply_deviation"], np.nan),
        "flow_least": _least_of_day(seen),
    }
    return {name: split[name] if name in split else moved[name] for name in DAILY}


def _least_of_day(seen: Judged) -> Floats:
    """[R] how much air passes in the quarter-hours of each day that need the least: what the boxes always let in."""
    flow, day = seen.moved["flow_level"], seen.stamps.floor("D").to_numpy()
    days = np.split(flow, np.flatnonzero(day[1:] != day[:-1]) + 1)
    return np.concatenate([np.where(of_day <= _low(of_day), of_day, np.nan) for of_day in days])


def _low(flow: Floats) -> float:
    known = flow[~np.isnan(flow)]
    return float(np.quantile(known, LEAST_SHARE)) if len(known) else np.nan


def days_of(seen: Judged) -> pd.DataFrame:
    """A row for each whole UTC day: medians ``DAILY`` of occupied, settled hours, and ``HOURS``.

    The same from a year as from three days around it: a day needs ``WARM`` quarter-hours before it.
    """
    occupied = seen.quarters["occupied"]
    used = np.isnan(occupied) | (occupied > 0.5)
    told = {name: np.where(used, values, np.nan) for name, values in conditions(seen).items()}
    by_day = pd.DataFrame(told, seen.stamps).groupby(seen.stamps.floor("D"))
    days = by_day.median().where(by_day.count() >= LEAST_OF_DAY).round(2)
    days[HOURS] = pd.Series(seen.settled & used, seen.stamps).groupby(seen.stamps.floor("D")).sum() / 4
    begun = pd.DatetimeIndex(days.index)
    return days[(begun >= seen.stamps[0] + WARM * STEP) & (begun + DAY <= seen.stamps[-1] + STEP)]


def daily(readings: pd.DataFrame, reference: Reference | None) -> pd.DataFrame:
    """``days_of`` readings as ``judged`` takes them."""
    return days_of(judged(readings, reference))


def prepare(readings: pd.DataFrame, reference: Reference | None) -> Prepared:
    """Readings as ``judged`` takes them."""
    seen = judged(readings, reference)
    return packed(seen, reference, known_days(seen, reference))


def known_days(seen: Judged, reference: Reference | None) -> pd.DataFrame:
    """``days_of`` what was seen and, where these say nothing, those of the reference, oldest first."""
    days = days_of(seen)
    if reference is None:
        return days
    history = reference.days()
    every = days.index.union(history.index)
    newer, older = (of.reindex(index=every, columns=days.columns).to_numpy(float) for of in (days, history))
    return pd.DataFrame(np.where(np.isnan(newer), older, newer), every, days.columns)


def packed(seen: Judged, reference: Reference | None, days: pd.DataFrame) -> Prepared:
    """What windows are cut from; ``seen`` and ``days`` against the same reference."""
    gapless = days[[*DAILY, HOURS]].asfreq("D")
    first_day = gapless.index[0] if len(gapless) else seen.stamps[0].floor("D")
    return Prepared(seen.stamps[0], _quarterly(seen), first_day, gapless.to_numpy(float), reference is not None)


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
    seen = judged(readings, None)
    first, last = seen.stamps[0], seen.stamps[-1] + STEP
    if last - first < HEALTHY_DAYS * DAY - HOUR:
        raise ValueError(f"A healthy period has at least {HEALTHY_DAYS} days; send more.")
    if seen.settled.sum() < HEALTHY_DAYS * 4 * 2:
        raise ValueError("The fan ran for less than two hours a day; send a period in which the unit was used.")
    return Reference(
        healthy_from=first.date(),
        healthy_until=last.date(),
        laws={name: FittedLaw.of(fit(law, seen.quarters, seen.settled)) for name, law in LAWS.items()},
    )


def updated(reference: Reference, readings: pd.DataFrame) -> Reference:
    """The reference with the whole days of ``readings`` in its history; what was healthy stays as it was."""
    return reference.with_days(known_days(judged(readings, reference), reference))


def _carried_on(days: Floats) -> Floats:
    """Each column's last known value until the next, zero before the first: a weekend is no news."""
    rows = np.arange(len(days))[:, None]
    latest = np.maximum.accumulate(np.where(np.isfinite(days), rows, -1), axis=0)
    return np.where(latest >= 0, np.take_along_axis(days, latest.clip(min=0), axis=0), 0.0)


def _quarterly(seen: Judged) -> Window:
    centre, spread = [np.array([getattr(POINTS[name], side) for name in NAMES]) for side in ("centre", "spread")]
    values = seen.raw.to_numpy()
    still = flat(seen.raw, FLAT).sum(axis=1).to_numpy() / len(SENSORS) * seen.settled
    columns = [
        np.nan_to_num((values - centre) / spread),
        np.isfinite(values),
        seen.settled[:, None],
        still[:, None],
        np.nan_to_num(np.column_stack(list(seen.moved.values())) / RESIDUAL_SPREAD),
        np.zeros((len(values), 1)),
    ]
    return np.hstack(columns).astype(np.float32)
