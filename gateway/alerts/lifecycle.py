"""What an alert can be, what can happen to it, and how it may go on; the words of ISA-18.2 where it has one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID


class State(StrEnum):
    """What an alert can be."""

    PENDING = "pending"  # the condition holds, but not for long enough
    ACTIVE = "active"  # nobody has acknowledged it
    ACKNOWLEDGED = "acknowledged"
    CLEARING = "clearing"  # the condition is over, but not for long enough
    CLEARED = "cleared"  # it ended by itself
    CLOSED = "closed"  # somebody ended it, and said what it was
    SHELVED = "shelved"  # set aside until a moment
    OUT_OF_SERVICE = "out_of_service"  # its unit is


STANDING = frozenset({State.ACTIVE, State.ACKNOWLEDGED, State.CLEARING})
LIVE = STANDING | {State.SHELVED, State.OUT_OF_SERVICE}
ENDED = frozenset({State.CLEARED, State.CLOSED})
CALLING = frozenset({State.ACTIVE, State.ACKNOWLEDGED})
TIMED = frozenset({State.PENDING, State.CLEARING, State.SHELVED, State.OUT_OF_SERVICE})
LEGAL: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset({State.ACTIVE, State.CLEARED, State.OUT_OF_SERVICE}),
    State.ACTIVE: frozenset(set(State) - {State.PENDING, State.CLEARED}),
    State.ACKNOWLEDGED: frozenset(set(State) - {State.PENDING, State.CLEARED}),
    State.CLEARING: frozenset(set(State) - {State.PENDING}),
    State.CLEARED: frozenset({State.PENDING, State.CLOSED}),
    State.CLOSED: frozenset(),
    State.SHELVED: frozenset({State.ACTIVE, State.CLEARED, State.CLOSED, State.OUT_OF_SERVICE}),
    State.OUT_OF_SERVICE: frozenset({State.PENDING, State.CLEARED, State.CLOSED}),
}
UNTOLD = -1

Zone = Literal["above", "between", "below", "off"]
Kind = Literal["raised", "escalated", "reminder", "cleared"]


@dataclass(frozen=True, slots=True)
class Rules:
    """The delays in force. ``ladder`` has for each level the moments of its steps after the first call, which is 0."""

    on_delay: Mapping[int, timedelta]
    off_delay: timedelta
    ladder: Mapping[int, tuple[timedelta, ...]]
    remind: timedelta
    quiet: timedelta  # in which the same is not said twice
    rest: timedelta  # for which a closed alert stays closed although its condition holds


@dataclass(frozen=True, slots=True)
class Alert:
    """All that decides what comes next.

    ``until`` ends a delay, a shelf or a time out of service; of a closed alert it says from when the condition counts
    as over. ``call_at`` is when somebody is told next. ``told_level`` is the highest that people know of.
    """

    state: State
    since: datetime
    level: int
    holds: bool = True  # whether the condition does
    until: datetime | None = None
    raised_at: datetime | None = None
    acknowledged_at: datetime | None = None
    told_level: int = 0
    told_at: datetime | None = None
    step: int = UNTOLD
    call_at: datetime | None = None
    parent: UUID | None = None  # the alert that stands for this one
    known: bool = False  # whether people were told that it stands

    @property
    def due_at(self) -> datetime | None:
        """When time itself changes something."""
        ends = self.until if self.state in TIMED else None
        calls = self.call_at if self.state in CALLING else None
        return min((moment for moment in (ends, calls) if moment), default=None)


@dataclass(frozen=True, slots=True)
class Said:
    """A prediction: where the condition lies by its thresholds; nothing is known where the unit is ``off``."""

    zone: Zone
    level: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Somebody takes it."""


@dataclass(frozen=True, slots=True)
class Shelve:
    """Set aside; an ``until`` that has passed ends a shelf."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """The unit goes out of service; an ``until`` that has passed brings it back."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Close:
    """Somebody says what it was."""


@dataclass(frozen=True, slots=True)
class Group:
    """Another alert stands for this one; without one it stands for itself again, after so long or at once."""

    parent: UUID | None
    after: timedelta = timedelta(0)


Event = Said | Tick | Acknowledge | Shelve | Leave | Close | Group


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody is to be told; ``step`` is that of the ladder."""

    kind: Kind
    level: int
    step: int


class IllegalError(Exception):
    """What was asked cannot be done to an alert in this state."""
