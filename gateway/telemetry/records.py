"""What comes through any door: records of one point at one moment, what is refused of them, and the receipt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

LONGEST_NAME = 128
LONGEST_SHOWN = 60  # of the sender's own words that come back
LONGEST_KEPT = 4096  # characters of what could not be read

REMEDIES = {
    "not-json": "Send one complete JSON value, with numbers that are finite.",
    "form": "Send unit_id and point, or series, with at and value; docs/telemetry.md shows each form.",
    "field-unknown": "Leave it out, or correct its name.",
    "name": "Write a name of 1 to 128 printable characters.",
    "time": "Write a time as text with its offset, as in 2026-05-01T08:00:00+02:00.",
    "time-unclear": "Write that hour with its offset, since the clocks are changed in it.",
    "value": "Send a finite number, or null where nothing was measured.",
    "lengths": "Send one value or null for each time.",
    "event": "Give specversion 1.0, id, source and type as CloudEvents 1.0 has them.",
    "event-type": "Use the type io.hvac.telemetry.v1.",
    "too-large": "Send smaller messages.",
    "broken": "Tell whoever runs this system; its log has more.",
    "unit-unknown": "Declare the unit, then replay it from the dead letters.",
    "point-unknown": "Declare the point for this unit, or use a name that the unit has.",
    "series-unknown": "Declare which unit and point the series belongs to, then replay it from the dead letters.",
    "unit-of-measure": "Send it in a unit of measure that fits the point, as UCUM writes it.",
    "future": "Set the sender's clock by NTP and send it again.",
    "too-old": "Keep it elsewhere; what is older than the retention is not stored.",
    "too-late": "Ask an engineer to replay it from the dead letters, if it is to be stored all the same.",
}


class Record(NamedTuple):
    """One reading as a door gives it; ``line`` says where it stood in what was sent, from 1.

    ``unit_id`` and ``point`` say what was measured, or ``series`` alone. ``source`` and ``id`` are its event's.
    """

    line: int
    at: datetime
    value: float | None
    unit_id: str | None = None
    point: str | None = None
    series: str | None = None
    uom: str | None = None
    source: str | None = None
    id: str | None = None

    def given(self) -> dict[str, Any]:
        """As JSON that a door takes again."""
        known = {name: value for name, value in self._asdict().items() if value is not None or name == "value"}
        del known["line"]
        return known | {"at": self.at.isoformat()}


class Refused(NamedTuple):
    """What was not taken, and why: a word for machines, and a sentence; ``given`` is what came."""

    line: int
    reason: str
    message: str
    given: Mapping[str, Any]

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.reason]


Arrival = Record | Refused


@dataclass(slots=True)
class Receipt:
    """What became of the records: each was accepted, a duplicate, or refused.

    Those ``quarantined`` and those that came ``late`` are among the accepted. ``units`` has the newest time stored.
    """

    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    late: int = 0
    refused: list[Refused] = field(default_factory=list)
    units: dict[str, datetime] = field(default_factory=dict)


def shown(value: object) -> str:
    """What a sender wrote, short and printable."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value)[:200])
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
