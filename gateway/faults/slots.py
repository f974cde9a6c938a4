"""Which moments of a unit are predicted: the ends of its intervals, each once, as soon as its readings are there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

GRACE = timedelta(minutes=2)  # that a slot's last reading may be late, where none came after it


@dataclass(frozen=True, slots=True)
class Slots:
    """Those that are due, oldest first, and how many were left out since they are too long ago."""

    due: tuple[datetime, ...]
    skipped: int


def due(done_until: datetime, newest: datetime, interval: timedelta, now: datetime, catch_up: timedelta) -> Slots:
    """The slots after ``done_until`` of which all is known at ``now``.

    ``newest`` is the unit's last reading: one at a slot's end, or later, says that the slot is whole. The slot of
    these minutes has ``GRACE``; an older one may still be on its way, and waits for what comes after it. Those more
    than ``catch_up`` before the last one are left out.
    """
    whole = floor(newest, interval)
    open_end = whole + interval
    last = open_end if newest > whole and GRACE <= now - open_end < interval else whole
    first = floor(done_until, interval) + interval
    earliest = max(first, floor(last - catch_up, interval) + interval)
    count = max(0, (last - earliest) // interval + 1)
    skipped = max(0, (earliest - first) // interval) if count else 0
    return Slots(tuple(earliest + k * interval for k in range(count)), skipped)


def floor(moment: datetime, interval: timedelta) -> datetime:
    """The last end of an interval that is not after ``moment``; they are counted from 1970 in UTC."""
    begin = datetime.fromtimestamp(0, UTC)
    return begin + (moment - begin) // interval * interval
