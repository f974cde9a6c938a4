"""``python -m gateway.equipment.history FILE --unit ID``: a table of the past, or values in Turtle, sent as readings.

A column belongs to the point that has its name as time-series id; what no point has is left out. One message a day.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from gateway.equipment.moments import moment
from gateway.settings import Settings

TIMES = ("at", "time", "timestamp", "datetime", "ts")

Values = dict[str, float]  # by point, at one time
Message = dict[str, Any]


@dataclass(frozen=True)
class Switch:
    """A point that is 1 while a column is above a number: a fan runs that is told to turn."""

    point: str
    column: str
    above: float


def of_table(
    lines: Iterable[str], columns: Mapping[str, str], switches: Iterable[Switch]
) -> Iterator[tuple[str, Values]]:
    """Each row's time as written and its values; ``columns`` says the point of a column. Blank cells are no readings.

    Raises ``ValueError`` where the table has no time, or none of the columns.
    """
    reader, asked = csv.DictReader(lines), list(switches)
    header = reader.fieldnames or []
    time = next((name for name in header if name.strip().lower() in TIMES), None)
    used = {name: columns[name] for name in header if name in columns}
    if time is None or not used:
        raise ValueError(f"the table has {', '.join(header)[:200]}; it needs a column of times and one of the unit's")
    for row in reader:
        values = {point: value for name, point in used.items() if (value := _number(row[name])) is not None}
        for switch in asked:
            if (value := _number(row[switch.column])) is not None:
                values[switch.point] = float(value > switch.above)
        yield row[time] or "", values


def messages(
    rows: Iterable[tuple[str, Values]], unit: str, zone: ZoneInfo, shift: timedelta = timedelta()
) -> Iterator[Message]:
    """The rows of each day as one message of the readings' compact form; times that are none, or two, are left out."""
    day, kept = "", list[tuple[datetime, Values]]()
    for text, values in rows:
        if (at := _moment(text, zone)) is None or not values:
            continue
        shifted = at + shift
        if kept and shifted.date().isoformat() != day:
            yield _message(unit, kept)
            kept = []
        day = shifted.date().isoformat()
        kept.append((shifted, values))
    if kept:
        yield _message(unit, kept)


def _message(unit: str, kept: list[tuple[datetime, Values]]) -> Message:
    points = sorted({point for _, values in kept for point in values})
    return {
        "unit_id": unit,
        "times": [at.isoformat() for at, _ in kept],
        "points": {point: [values.get(point) for _, values in kept] for point in points},
    }


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    at = moment(text, zone)
    if at is None or at.utcoffset() is None:
        return None
    unclear = at.tzinfo is zone and at.replace(fold=1).utcoffset() != at.utcoffset()  # the clocks are changed
    return None if unclear else at.astimezone(UTC)


def _number(cell: str | None) -> float | None:
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def of_turtle(turtle: bytes, point: str) -> Iterator[tuple[str, Values]]:
    """The values that stand in a Brick model, oldest first, as those of this point."""
    from gateway.equipment import brick  # noqa: PLC0415 - rdflib is for Turtle alone

    things = brick.read(turtle).things.values()
    read = [(at.replace(tzinfo=None), thing) for thing in things if (at := moment(thing.at or "")) is not None]
    for _, thing in sorted(read, key=lambda one: (one[0], one[1].id)):
        if (value := _number(thing.value)) is not None:
            yield thing.at or "", {point: value}


def switch(text: str) -> Switch:
    point, _, rule = text.partition("=")
    column, _, above = rule.rpartition(">")
    return Switch(point.strip(), column.strip(), float(above))


def _asked(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.equipment.history", description=__doc__)
    parser.add_argument("file", type=Path, help="a CSV with a column for each time series, or a .ttl with values in it")
    parser.add_argument("--unit", required=True, help="the id of the unit, which has to be declared")
    parser.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("UTC"), help="of times without an offset")
    parser.add_argument("--on", type=switch, action="append", default=[], metavar="POINT=COLUMN>NUMBER")
    parser.add_argument("--point", help="of a .ttl: which point its values are")
    parser.add_argument("--shift-days", type=float, default=0, help="so that an old table ends nearer to now")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="of the gateway")
    asked = parser.parse_args(words)
    if asked.file.suffix == ".ttl" and asked.point is None:
        parser.error("say by --point which point the values of a .ttl are")
    return asked


def main(words: list[str] | None = None) -> int:
    """Sends the file to a gateway and says what became of it."""
    asked, settings = _asked(words), Settings()
    key = settings.word("api_key") or (settings.data / "local.key").read_text().strip()
    totals: Counter[str] = Counter()
    with httpx.Client(base_url=asked.url, headers={"X-API-Key": key}, trust_env=False, timeout=60) as client:
        unit = client.get(f"/api/v1/units/{asked.unit}").raise_for_status().json()
        rows = _rows(asked, {said["series_id"]: point for point, said in unit["points"].items()})
        for message in messages(rows, asked.unit, asked.zone, timedelta(days=asked.shift_days)):
            answer = client.post("/api/v1/telemetry", json=message)
            if answer.status_code not in (200, 207):
                sys.stderr.write(f"{answer.text}\n")
                return 1
            totals.update({word: count for word, count in answer.json().items() if isinstance(count, int)})
    sys.stdout.write(", ".join(f"{count} {word}" for word, count in totals.items()) + "\n")
    return 0


def _rows(asked: argparse.Namespace, columns: Mapping[str, str]) -> Iterator[tuple[str, Values]]:
    if asked.file.suffix == ".ttl":
        return of_turtle(asked.file.read_bytes(), asked.point)
    return of_table(asked.file.read_text("utf-8-sig").splitlines(keepends=True), columns, asked.on)


if __name__ == "__main__":
    sys.exit(main())
