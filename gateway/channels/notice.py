"""What somebody is to be told: made by the alerts in the transaction of their change, kept and sent by the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID, uuid5

from pydantic import TypeAdapter

Kind = Literal["raised", "escalated", "reminder", "cleared", "flood", "silence", "test"]
NAMESPACE = UUID("6f2f6f0e-6d8c-5b53-9a6f-0f1d6a6c7e11")  # of the ids that `id_of` makes


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told, the same whenever and by whomever it is made: its ``id`` comes from what it says.

    ``level`` is 0 to 4, of what is cleared the level that it had. ``cleared`` ends an alert for whatever reason, since
    alarm lights go off by it. ``details`` may say more; these words of it are understood:
    ``simulated`` (the model learnt from simulated faults), ``probability``, ``severity``, ``quiet`` (lights alone are
    told), ``count`` and ``lines`` (of a flood: how many, and one line for each of some), ``since`` (of a silence),
    ``channels`` (names of channels or chains: their chains alone are told, where there is one of them).
    """

    id: UUID
    alert_id: UUID | None
    kind: Kind
    level: int
    unit_id: str
    unit_name: str
    place: str
    fault: str | None
    at: datetime
    predicted_time: datetime | None = None
    evidence: list[str] = field(default_factory=list)
    action: Mapping[str, str] = field(default_factory=dict)  # by language: en and zh
    step: int = 0  # of the ladder of escalation
    details: Mapping[str, Any] = field(default_factory=dict)


_NOTICE = TypeAdapter(Notice)


def id_of(*what: object) -> UUID:
    """The id of a notice made of what makes it this one and no other: the alert, the kind, the step, the moment."""
    return uuid5(NAMESPACE, "\x1f".join(map(str, what)))


def written(notice: Notice) -> dict[str, Any]:
    """As JSON."""
    return cast("dict[str, Any]", _NOTICE.dump_python(notice, mode="json"))


def read(content: Mapping[str, Any]) -> Notice:
    """What was written."""
    return _NOTICE.validate_python(content)
