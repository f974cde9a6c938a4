"""An owner's measured days in the database: sorted before they go in, stored together, counted, given and dropped.

Each belongs to one series. Values stand in the slots that the load model knows, whatever the series calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy import ColumnElement, CursorResult, Engine, Select, and_, delete, false, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway import store
from gateway.errors import MAX_FAULTS, Fault, Meanwhile
from gateway.series import SLOTS, Slot
from gateway.tables import Import, Measurement, table_of
from gateway.workbooks import Line

OnDuplicate = Literal["keep", "replace", "refuse"]

ROWS_AT_ONCE = 500
TABLE = table_of(Measurement)  # takes rows faster than the class takes objects
TAKEN = {"in the file": "stands in the file before", "stored": "is stored already"}


class Duplicate(BaseModel):
    """A row whose day stood in the file before, or was stored."""

    sheet: str
    row: int
    date: date
    already: Literal["in the file", "stored"]


@dataclass
class Sorted:
    """What of an import can be stored, by day; how many days were taken, the first of them, and rows refused for it."""

    days: dict[date, list[float | None]] = field(default_factory=dict)
    taken: int = 0
    first: list[Duplicate] = field(default_factory=list)
    refused: list[Fault] = field(default_factory=list)


def sort_out(lines: Iterable[Line], stored: set[date], on_duplicate: OnDuplicate) -> Sorted:
    """A day goes in once: the first row of it is kept, or the last replaces it, or all but the first are refused."""
    found = Sorted()
    for sheet, row, day, values in lines:
        if day in found.days or day in stored:
            found.taken += 1
            if found.taken <= MAX_FAULTS:
                already: Literal["in the file", "stored"] = "in the file" if day in found.days else "stored"
                found.first.append(Duplicate(sheet=sheet, row=row, date=day, already=already))
            if on_duplicate != "replace":
                continue
        found.days[day] = values
    found.refused = [_refusal(duplicate) for duplicate in found.first] if on_duplicate == "refuse" else []
    return found


def stored_days(database: Engine, made: Import, lines: Sequence[Line]) -> set[date]:
    """Which of an import's days its owner's series has; all between the first and the last are asked for at once."""
    if not lines:
        return set()
    first, last = min(line[2] for line in lines), max(line[2] for line in lines)
    with store.transaction(database) as session:
        return set(session.scalars(select(Measurement.day).where(within(made.owner, made.series, first, last))))


@store.retried
def keep(database: Engine, kept: Import, days: dict[date, list[float | None]]) -> None:
    """An import and its days, together or not at all; a day that is stored is replaced. 409 where two came at once."""
    try:
        with store.transaction(database) as session:
            session.add(kept)
            session.flush()
            among = within(kept.owner, kept.series, min(days), max(days)) if days else false()
            replaced = days.keys() & set(session.scalars(select(Measurement.day).where(among)))
            for some in _in_parts(replaced):
                session.execute(delete(Measurement).where(among, Measurement.day.in_(some)))
            for some in _in_parts(days):
                session.execute(insert(TABLE), [_row(kept, day, days[day]) for day in some])
    except IntegrityError:
        detail = "Another import stored some of these days at the same time."
        raise Meanwhile("imported-meanwhile", detail) from None


def begin(owner: str, series: str, file_name: str, mode: str) -> Import:
    """An import that is about to be kept."""
    made = {"id": uuid4(), "owner": owner, "series": series, "created_at": datetime.now(UTC)}
    return Import(**made, file_name=file_name, mode=mode, rows=0, duplicates=0, errors=0)


def within(owner: str, series: str, start: date | None = None, end: date | None = None) -> ColumnElement[bool]:
    """The owner's days of a series from the first to the last, both included; nothing said, no end."""
    conditions = [Measurement.owner == owner, Measurement.series == series]
    conditions += [Measurement.day >= start] if start else []
    conditions += [Measurement.day <= end] if end else []
    return and_(*conditions)


def count(session: Session, wanted: ColumnElement[bool]) -> int:
    """How many days these are."""
    return session.scalar(select(func.count()).select_from(Measurement).where(wanted)) or 0


def days(wanted: ColumnElement[bool], slots: Iterable[Slot] = SLOTS) -> Select[Any]:
    """These days in their order: the day, then what stands in the slots."""
    values = [getattr(Measurement, slot) for slot in slots]
    return select(Measurement.day, *values).where(wanted).order_by(Measurement.day)


def drop(session: Session, wanted: ColumnElement[bool]) -> int:
    """Deletes these days; how many they were."""
    gone = session.execute(delete(Measurement).where(wanted))
    return gone.rowcount if isinstance(gone, CursorResult) else 0


def dropped(session: Session, owner: str, series: str) -> int:
    """How many rows of the owner's imports into a series were for days that were there already."""
    wanted = select(func.sum(Import.duplicates)).where(Import.owner == owner, Import.series == series)
    return int(session.scalar(wanted) or 0)


def brought(owner: str, number: UUID) -> Select[Import]:
    """The owner's import of this number."""
    return select(Import).where(Import.owner == owner, Import.id == number)


def _in_parts(days: Iterable[date]) -> Iterator[list[date]]:
    waiting = iter(days)
    return iter(lambda: list(islice(waiting, ROWS_AT_ONCE)), [])


def _row(kept: Import, day: date, values: list[float | None]) -> dict[str, Any]:
    known = {"owner": kept.owner, "series": kept.series, "date": day, "import_id": kept.id}
    return known | dict(zip(SLOTS, values, strict=True))


def _refusal(duplicate: Duplicate) -> Fault:
    return Fault(
        pointer="/file",
        sheet=duplicate.sheet,
        row=duplicate.row,
        column="date",
        value=duplicate.date.isoformat(),
        code="day-twice",
        message=f"The day {TAKEN[duplicate.already]}.",
        remedy="Delete the row, or import with on_duplicate=keep or on_duplicate=replace.",
    )
