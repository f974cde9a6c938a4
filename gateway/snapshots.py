"""An owner's history as a file that never changes: one row a day, named by its own hash, so that a fit and a forecast
can be traced to exactly what they were made of. It goes with the owner's days; the hash stays beside the forecast."""

from __future__ import annotations

import csv
import hashlib
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, and_, func, not_, select
from sqlalchemy.orm import Session

from bentos.load.schema import MAX_ROWS
from gateway import measurements, store
from gateway.errors import Problem
from gateway.tables import Forecast, Measurement, Task
from gateway.tasks import UNFINISHED

# In this order, whatever order the columns have elsewhere: a hash stands for one way to write a history.
COLUMNS = ("date", "load", "temperature", "humidity", "rainfall")

JUST_TAKEN_S = 60.0  # clocks of hosts that share the folder may differ

Whose = tuple[str, str]  # owner and series
Rows = list[dict[str, float | str]]  # by column; what is not known is not there


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The file ``<hash>.csv``, its first and last day, and how many rows it has."""

    path: Path
    first: date
    last: date
    days: int

    @property
    def hash(self) -> str:
        """SHA-256 of the file, 64 hex digits."""
        return self.path.stem

    def series(self) -> Rows:
        """Its rows as a question has them."""
        with self.path.open(encoding="ascii", newline="") as file:
            return [
                {name: cell if name == "date" else float(cell) for name, cell in row.items() if cell}
                for row in csv.DictReader(file)
            ]


def take(folder: Path, database: Engine, whose: Whose, last: date) -> Snapshot:
    """The days of an owner's series until the last, as they stand now. Raises ``Problem`` 422 where there are none."""
    found = _stored(database, whose, last)
    if not found:
        raise Problem(422, "no-history", "The days that were there are gone. Import them again.")
    text = "".join([",".join(COLUMNS) + "\n", *map(_line, found)])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.csv"
    store.write_whole(path, text)  # 0600; what is there already has the same content, or should have
    return Snapshot(path, found[0][0], found[-1][0], len(found))


def rows(database: Engine, whose: Whose) -> Rows:
    """All of a series' days as a question has them."""
    named = [dict(zip(COLUMNS, row, strict=True)) for row in _stored(database, whose, None)]
    return [
        {name: str(value) if name == "date" else float(value) for name, value in row.items() if value is not None}
        for row in named
    ]


def forget(session: Session, folder: Path, whose: Whose, first: date, last: date) -> None:
    """An owner's days from the first to the last are deleted: so are the snapshots that have some of them.

    Of two owners with the very same history each has the file; it goes with the last of them.
    """
    of_his = and_(Forecast.owner == whose[0], Forecast.series == whose[1])
    hashes = select(Forecast.history_hash).where(of_his, Forecast.history_hash.is_not(None)).distinct()
    for path in [folder / f"{name}.csv" for name in session.scalars(hashes)]:
        days = _days(path)
        if any(first <= day <= last for day in days):
            same = select(Forecast.owner, Forecast.series).where(Forecast.history_hash == path.stem, not_(of_his))
            span = days[0], days[-1], len(days)
            if not any(_has(session, (owner, series), *span) for owner, series in session.execute(same.distinct())):
                path.unlink(missing_ok=True)


def stands(session: Session, whose: Whose, snapshot: Snapshot) -> bool:
    """Whether none of its days was deleted since it was taken."""
    return _has(session, whose, snapshot.first, snapshot.last, snapshot.days)


def sweep(folder: Path, database: Engine) -> None:
    """Delete the snapshots that no forecast was made of, unless a task that has not ended may be at work on them."""
    with store.transaction(database) as session:
        of_forecasts = set(session.scalars(select(Forecast.history_hash).distinct()))
        since = session.scalar(select(func.min(Task.created_at)).where(Task.status.in_(UNFINISHED)))
    begun = min(time.time() - JUST_TAKEN_S, since.timestamp() if since else math.inf)
    for path in folder.glob("*.csv"):
        with suppress(FileNotFoundError):  # another was faster
            if path.stem not in of_forecasts and path.stat().st_mtime < begun:
                path.unlink()


def _days(path: Path) -> list[date]:
    """A snapshot's; none where the file has gone."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return []
    return [date.fromisoformat(line.partition(",")[0]) for line in lines]


def _has(session: Session, whose: Whose, first: date, last: date, days: int) -> bool:
    """Whether so many days are stored from the first to the last; each day is stored once."""
    return measurements.count(session, measurements.within(*whose, first, last)) >= days


def _stored(database: Engine, whose: Whose, last: date | None) -> Sequence[Row[Any]]:
    """In order; no more than a question may have, which are the newest."""
    values: list[Any] = [getattr(Measurement, name) for name in COLUMNS[1:]]
    wanted = select(Measurement.day, *values).where(measurements.within(*whose, None, last)).order_by(Measurement.day)
    with store.transaction(database) as session:
        return session.execute(wanted).all()[-MAX_ROWS:]


def _line(row: Sequence[Any]) -> str:
    """The day as ISO has it, numbers so that they are read back to the last bit, nothing where nothing is known."""
    cells = ["" if value is None else repr(float(value) + 0.0) for value in row[1:]]  # + 0.0: there is one zero
    return ",".join([row[0].isoformat(), *cells]) + "\n"
