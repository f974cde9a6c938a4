"""Where alerts stand while they are worked on, and a book in memory in which the past is replayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.alerts.lifecycle import ENDED, LIVE, State
from gateway.alerts.rules import InForce, nearest
from gateway.alerts.tables import INSTALLATION, AlertRow, AlertStep
from gateway.channels.notice import Notice

SINGLE = frozenset({"raised", "escalated", "reminder", "silence"})  # kinds that are told of one alert


class Book(Protocol):
    """Rows in a transaction, or in memory."""

    def newest(self, unit_id: str) -> list[AlertRow]:
        """The newest alert of each key of a unit."""

    def standing(self, units: Collection[str]) -> list[AlertRow]:
        """Alerts about faults of these units that have not ended; pending ones too."""

    def grouped(self, parent: UUID) -> list[AlertRow]:
        """Those for which this alert stands."""

    def find(self, number: UUID) -> AlertRow | None:
        """One alert."""

    def silent(self, what: str) -> list[AlertRow]:
        """Units of which nothing is heard."""

    def due(self, now: datetime) -> list[AlertRow]:
        """Alerts whose time has come, as many as are done at once."""

    def next_due(self) -> datetime | None:
        """When the next alert's time comes."""

    def held_since(self) -> datetime | None:
        """Since when the first call waits for a summary."""

    def held(self) -> list[AlertRow]:
        """Alerts whose call waits for a summary, oldest first."""

    def summarised(self) -> bool:
        """Whether any alert stands of which people know by a summary."""

    def add(self, row: AlertRow) -> None:
        """A new alert."""

    def name(self, row: AlertRow, fault: str, slot: str) -> None:
        """What the alert is about, and by that its key."""

    def note(self, step: AlertStep) -> None:
        """A change, for ever."""

    def tell(self, notice: Notice) -> None:
        """To be sent, if it was not put there before."""

    def told(self, since: datetime) -> list[int]:
        """The levels of what was told of single alerts after a moment."""

    def last_summary(self) -> tuple[datetime, int] | None:
        """When the last summary was told, and its level."""

    def in_force(self, about: str, unit_id: str, fault: str | None) -> InForce:
        """What counts for a key."""

    def upstream(self) -> Mapping[str, set[str]]:
        """By unit those that feed it."""

    def away(self, unit_id: str, now: datetime) -> bool:
        """Whether the unit is out of service."""

    def called(self, unit_id: str) -> tuple[str, str]:
        """The unit's name and place."""

    def watched(self) -> int:
        """How many units there are."""


@dataclass
class MemoryBook:
    """Everything that happens to alerts while findings of the past are replayed under some rules."""

    rules: Mapping[tuple[str | None, str | None], InForce]  # by unit and fault; (None, None) is always there
    for_silence: InForce
    feeds: Mapping[str, set[str]] = field(default_factory=dict)
    units: int = 0
    rows: list[AlertRow] = field(default_factory=list)
    steps: list[AlertStep] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    absent: dict[str, datetime] = field(default_factory=dict)
    _by_unit: dict[str, list[AlertRow]] = field(default_factory=dict)
    _by_slot: dict[str, AlertRow] = field(default_factory=dict)

    def newest(self, unit_id: str) -> list[AlertRow]:
        return [row for row in self._by_unit.get(unit_id, ()) if row.slot is not None]

    def standing(self, units: Collection[str]) -> list[AlertRow]:
        found = (row for unit in units for row in self._by_unit.get(unit, ()))
        return [row for row in found if row.about == "fault" and row.state not in ENDED]

    def grouped(self, parent: UUID) -> list[AlertRow]:
        return [row for row in self._newest() if row.parent == parent]

    def find(self, number: UUID) -> AlertRow | None:
        return next((row for row in self.rows if row.id == number), None)

    def silent(self, what: str) -> list[AlertRow]:
        rows = (row for row in self._newest() if row.about == "silence" and row.fault == what)
        return [
            row for row in rows if row.unit_id != INSTALLATION and (row.state in LIVE or row.state == State.PENDING)
        ]

    def due(self, now: datetime) -> list[AlertRow]:
        return sorted((row for row in self._newest() if row.due_at and row.due_at <= now), key=lambda row: row.id)

    def next_due(self) -> datetime | None:
        return min((row.due_at for row in self._newest() if row.due_at), default=None)

    def held_since(self) -> datetime | None:
        return min((row.held_at for row in self._newest() if row.held_at), default=None)

    def held(self) -> list[AlertRow]:
        found = ((row.held_at, row.id, row) for row in self._newest() if row.held_at)
        return [row for *_, row in sorted(found, key=lambda one: one[:2])]

    def summarised(self) -> bool:
        return any(row.known_by == "summary" for row in self._newest())

    def add(self, row: AlertRow) -> None:
        self.rows.append(row)
        self._by_slot[row.slot or ""] = row
        self._by_unit.setdefault(row.unit_id, []).append(row)

    def name(self, row: AlertRow, fault: str, slot: str) -> None:
        del self._by_slot[row.slot or ""]
        row.fault, row.slot = fault, slot
        self._by_slot[slot] = row

    def note(self, step: AlertStep) -> None:
        self.steps.append(step)

    def tell(self, notice: Notice) -> None:
        if all(notice.id != told.id for told in self.notices[-50:]):
            self.notices.append(notice)

    def told(self, since: datetime) -> list[int]:
        return [said.level for said in self.notices[-500:] if said.at > since and said.kind in SINGLE]

    def last_summary(self) -> tuple[datetime, int] | None:
        return next(((said.at, said.level) for said in reversed(self.notices) if said.kind == "flood"), None)

    def in_force(self, about: str, unit_id: str, fault: str | None) -> InForce:
        if about == "silence":
            return self.for_silence
        return nearest(self.rules, unit_id, fault)

    def upstream(self) -> Mapping[str, set[str]]:
        return self.feeds

    def away(self, unit_id: str, now: datetime) -> bool:
        return unit_id in self.absent and self.absent[unit_id] > now

    def called(self, unit_id: str) -> tuple[str, str]:
        return unit_id, ""

    def watched(self) -> int:
        return self.units

    def _newest(self) -> Collection[AlertRow]:
        return self._by_slot.values()
