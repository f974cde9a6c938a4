"""The one hall behind every door: each record is checked, judged, and stored once, all of a batch or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from gateway import metrics, store
from gateway.settings import Settings
from gateway.tables import table_of
from gateway.telemetry import letters, rules
from gateway.telemetry.events import Events
from gateway.telemetry.letters import HTTP, Door
from gateway.telemetry.plant import Measured, Plant
from gateway.telemetry.records import Arrival, Receipt, Record, Refused
from gateway.telemetry.rules import LIMITS, QUARANTINED, Quality, State
from gateway.telemetry.tables import Heard, Latest, Reading
from gateway.upserts import Bulk, in_parts, insert_or_replace

READINGS, LATEST, HEARD = table_of(Reading), table_of(Latest), table_of(Heard)
_IN_ORDER = itemgetter(*(column.name for column in READINGS.c))
AHEAD = timedelta(minutes=5)  # by which a sender's clock may be fast

Key = tuple[str, str]  # unit and point
Arrived = tuple[datetime, float | None, Record]  # in the stored unit of measure


@dataclass(frozen=True, slots=True)
class Terms:
    """How old a reading may be, and how long after a newer one of its point it may come."""

    retention: timedelta = timedelta(days=400)
    late: timedelta = timedelta(hours=72)


def terms(settings: Settings) -> Terms:
    """As they are set."""
    return Terms(timedelta(days=settings.retention_days), timedelta(hours=settings.late_hours))


@store.retried
def take(
    database: Engine, records: Sequence[Arrival], now: datetime, terms: Terms | None = None, door: Door = HTTP
) -> Receipt:
    """Durable when this returns. 503 where the database cannot do it now; then nothing was taken."""
    terms, receipt = terms or Terms(), Receipt()
    with store.transaction(database, "The readings could not be stored.") as session:
        found = list(_known(session, records, now, terms, receipt))
        _hear(session, {measured.unit_id for measured, _ in found}, now)
        by_point = _new(session, found, now, receipt)
        batch = _Batch(session, by_point.keys(), terms, receipt)
        for key, arrived in by_point.items():
            batch.add(key, sorted(arrived, key=itemgetter(0)))
        batch.store()
        letters.bury(session, receipt.refused, now, door)
    _count(receipt, now, door)
    return receipt


def _count(receipt: Receipt, now: datetime, door: Door) -> None:
    for result in ("accepted", "duplicates", "quarantined", "late"):
        metrics.READINGS.labels(door.name, result).inc(getattr(receipt, result))
    for one in receipt.refused:
        metrics.DEAD_LETTERS.labels(one.reason).inc()
    if receipt.units:
        metrics.INGEST_LAG.labels(door.name).set((now - max(receipt.units.values())).total_seconds())


def _known(
    session: Session, records: Sequence[Arrival], now: datetime, terms: Terms, receipt: Receipt
) -> Iterator[tuple[Measured, Arrived]]:
    """Those that could be stored, in the stored unit of measure."""
    plant = Plant(session, (record for record in records if isinstance(record, Record)))
    newest, oldest = now + AHEAD, now - terms.retention
    for record in records:
        if isinstance(record, Refused):
            receipt.refused.append(record)
            continue
        measured = plant.find(record)
        if isinstance(measured, Refused):
            receipt.refused.append(measured)
        elif (conversion := measured.conversion(record.uom)) is None:
            said = f"{measured.point} is not measured in {record.uom or measured.uom}."
            receipt.refused.append(_refused(record, "unit-of-measure", said))
        elif record.at > newest:
            said = f"{record.at.isoformat()} lies in the future; it is {now.isoformat(timespec='seconds')}."
            receipt.refused.append(_refused(record, "future", said))
        elif record.at < oldest:
            said = f"{record.at.isoformat()} is more than {terms.retention.days} days ago."
            receipt.refused.append(_refused(record, "too-old", said))
        else:
            factor, offset = conversion
            value = None if record.value is None else record.value * factor + offset
            yield measured, (record.at, value, record)


def _hear(session: Session, units: Iterable[str], now: datetime) -> None:
    """Holds each unit's row until the end, always in the same order, so that two batches wait for each other."""
    insert_or_replace(session, HEARD, [{"unit_id": unit, "at": now} for unit in sorted(units)])


def _new(
    session: Session, found: Sequence[tuple[Measured, Arrived]], now: datetime, receipt: Receipt
) -> dict[Key, list[Arrived]]:
    """By point those whose event was not taken before."""
    events = Events(session, [arrived[2] for _, arrived in found])
    by_point: defaultdict[Key, list[Arrived]] = defaultdict(list)
    for measured, arrived in found:
        if events.is_new(arrived[2]):
            by_point[measured.unit_id, measured.point].append(arrived)
        else:
            receipt.duplicates += 1
    events.keep(now)
    return by_point


class _Batch:
    """What will be stored of some points; all of their units' rows are held."""

    def __init__(self, session: Session, keys: Iterable[Key], terms: Terms, receipt: Receipt) -> None:
        self._session, self._terms, self._receipt = session, terms, receipt
        self._states = _states(session, {unit for unit, _ in keys})
        self._rows: list[dict[str, Any]] = []
        self._changed: list[Key] = []
        self._settled: list[tuple[Key, datetime, Quality]] = []  # stored readings whose quality is another now
        self._behind: defaultdict[str, list[tuple[str, Arrived]]] = defaultdict(list)

    def add(self, key: Key, arrived: Iterable[Arrived]) -> None:
        """A point's readings, oldest first: what is newer than the newest is judged by it."""
        (unit, point), state, row = key, self._states.get(key), None
        limits = LIMITS[point]
        for at, value, record in arrived:
            if state is not None and at <= state.at:
                self._behind[unit].append((point, (at, value, record)))
                continue
            quality, settled = rules.judge(limits, state, at, value)
            if settled is not None and row is not None:
                row["quality"] = settled
                self._receipt.quarantined -= settled not in QUARANTINED
            elif settled is not None and state is not None:
                self._settled.append((key, state.at, settled))
            state = rules.after(state, at, value, quality)
            row = self._row(unit, point, at, value, quality)
        if row is not None and state is not None:
            self._states[key] = state
            self._changed.append(key)
            self._receipt.units[unit] = max(self._receipt.units.get(unit, state.at), state.at)

    def store(self) -> None:
        """All of it."""
        for unit, behind in self._behind.items():
            self._add_behind(unit, behind)
        Bulk(self._session, READINGS).insert_new([_IN_ORDER(row) for row in self._rows])
        newest = [_as_row(key, self._states[key]) for key in self._changed]
        Bulk(self._session, LATEST).insert_or_replace(newest)
        for (unit, point), at, quality in self._settled:
            there = (Reading.unit_id == unit, Reading.at == at, Reading.point == point)
            self._session.execute(update(Reading).where(*there).values(quality=quality))

    def _row(self, *reading: Any) -> dict[str, Any]:  # noqa: ANN401 - the five columns
        row = dict(zip(("unit_id", "point", "at", "value", "quality"), reading, strict=True))
        self._rows.append(row)
        self._receipt.accepted += 1
        self._receipt.quarantined += row["quality"] in QUARANTINED
        return row

    def _add_behind(self, unit: str, behind: Sequence[tuple[str, Arrived]]) -> None:
        """What is not newer than the newest: stored already, late within reason, or too late."""
        there = _stored(self._session, unit, {arrived[0] for _, arrived in behind})
        there |= {(row["at"], row["point"]) for row in self._rows if row["unit_id"] == unit}
        for point, (at, value, record) in behind:
            newest = self._states[unit, point].at
            if (at, point) in there:
                self._receipt.duplicates += 1
            elif newest - at > self._terms.late:
                hours = round(self._terms.late / timedelta(hours=1))
                said = f"{at.isoformat()} came more than {hours} hours after a newer reading of {point}."
                self._receipt.refused.append(_refused(record, "too-late", said))
            else:
                self._receipt.late += 1
                self._row(unit, point, at, value, rules.judge_alone(LIMITS[point], value))
                there.add((at, point))
                self._receipt.units[unit] = max(self._receipt.units.get(unit, at), at)


def _states(session: Session, units: set[str]) -> dict[Key, State]:
    found: dict[Key, State] = {}
    for some in in_parts(sorted(units)):
        for unit, point, *state in session.execute(select(LATEST).where(LATEST.c.unit_id.in_(some))):
            found[unit, point] = State(*state)
    return found


def _stored(session: Session, unit: str, times: set[datetime]) -> set[tuple[datetime, str]]:
    found: set[tuple[datetime, str]] = set()
    for some in in_parts(sorted(times)):
        wanted = select(READINGS.c.at, READINGS.c.point).where(READINGS.c.unit_id == unit, READINGS.c.at.in_(some))
        found.update((at, point) for at, point in session.execute(wanted))
    return found


def _as_row(key: Key, state: State) -> tuple[Any, ...]:
    return (*key, state.at, state.value, state.quality, state.sound, state.sound_at, state.steady_since)


def _refused(record: Record, reason: str, message: str) -> Refused:
    return Refused(record.line, reason, message, record.given())
