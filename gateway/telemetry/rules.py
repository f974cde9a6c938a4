"""How good a reading is: its range, how fast it moves, whether it stands still, and whether a point has gone silent.

Numbers are those of the stored units of measure: °C, %, 1, Pa, m³/s, kW.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bentos.fault.points import POINTS

Quality = Literal["good", "flat", "range", "rate", "spike", "missing"]

# What is stored and shown, but not given to a model. A value that stands still goes on: the model names frozen sensors.
QUARANTINED: frozenset[Quality] = frozenset(("range", "rate", "spike", "missing"))
FORGOTTEN = timedelta(hours=1)  # after a gap as long as this a value may be anything again
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sound sensor can say. It moves by ``per_minute`` at most, and by ``most`` however long nothing came.

    It stands still for no longer than ``flat`` and says something at least every ``stale``.
    """

    low: float
    high: float
    stale: timedelta
    per_minute: float | None = None
    most: float | None = None
    flat: timedelta | None = None


SENSOR, COMMAND = timedelta(hours=1), timedelta(hours=25)  # commands and states may be sent when they change, or daily
DAY = timedelta(hours=24)
# Temperatures: kelvins a minute, at most so many, and for how long one may stand still. All else may jump, as at start.
MOVES = {
    "outdoor_air_temperature": (2.0, 15.0, timedelta(hours=12)),
    "return_air_temperature": (2.0, 15.0, DAY),
    "mixed_air_temperature": (8.0, 35.0, DAY),
    "supply_air_temperature": (8.0, 40.0, DAY),
    "zone_temperature": (1.5, 12.0, DAY),
    "chilled_water_supply_temperature": (5.0, 25.0, DAY),
    "chilled_water_return_temperature": (5.0, 25.0, DAY),
}
SLOW = {"supply_air_temperature_setpoint", "duct_static_pressure_setpoint"}


def _limits(name: str) -> Limits:
    point = POINTS[name]
    per_minute, most, flat = MOVES.get(name, (None, None, None))
    told = point.quantity in {"share", "state"} or name in SLOW
    return Limits(point.low, point.high, COMMAND if told else SENSOR, per_minute, most, flat)


LIMITS = {name: _limits(name) for name in POINTS}


@dataclass(slots=True)
class State:
    """A point's newest reading, and the last one that was believed."""

    at: datetime
    value: float | None
    quality: Quality
    sound: float | None = None
    sound_at: datetime | None = None
    steady_since: datetime | None = None


def judge_alone(limits: Limits, value: float | None) -> Quality:
    """A reading that nothing is known about but itself, as one that comes after a newer one."""
    if value is None:
        return "missing"
    return "good" if limits.low <= value <= limits.high else "range"


def judge(limits: Limits, state: State | None, at: datetime, value: float | None) -> tuple[Quality, Quality | None]:
    """The quality of a point's next reading, and the one that its last reading has now, if that has changed.

    A value that moves too fast is doubted. The next one decides: near it, and it was real; near the one before, and it
    was a spike.
    """
    quality = judge_alone(limits, value)
    if quality != "good" or value is None or state is None or state.sound is None or state.sound_at is None:
        return quality, None
    since = at - state.sound_at
    if limits.per_minute is not None and since <= FORGOTTEN and not _near(limits, value - state.sound, since):
        doubted = state.value if state.quality == "rate" else None
        if doubted is None or not _near(limits, value - doubted, at - state.at):
            return "rate", None
        return "good", "good"
    settled: Quality | None = "spike" if state.quality == "rate" else None
    still = limits.flat and value == state.sound and state.steady_since and at - state.steady_since >= limits.flat
    return "flat" if still else "good", settled


def after(state: State | None, at: datetime, value: float | None, quality: Quality) -> State:
    """What is known of the point once this reading has been judged."""
    if quality in QUARANTINED:
        known = (state.sound, state.sound_at, state.steady_since) if state else (None, None, None)
        return State(at, value, quality, *known)
    moved = state is None or state.sound != value or state.steady_since is None
    return State(at, value, quality, value, at, at if moved or state is None else state.steady_since)


def _near(limits: Limits, difference: float, apart: timedelta) -> bool:
    minutes = max(1.0, apart / MINUTE)
    return abs(difference) <= min((limits.per_minute or 0.0) * minutes, limits.most or 0.0)
