"""Readings as CSV: one a row under unit_id, point, at and value; or a column for each point, with the time first."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from gateway.errors import Problem
from gateway.telemetry.entries import NAMES, Entries, Entry, kept
from gateway.telemetry.records import Arrival, Refused, shown

TIMES = ("at", "time", "timestamp", "ts")
NOTHING = {"", "nan", "null", "none", "na", "n/a"}
DELIMITERS = ",;\t"


def read(text: str, entries: Entries, unit_id: str | None = None) -> Iterator[Arrival]:
    """The records, each with its line in the file. 422 where the first line does not say what the columns are."""
    first = text[: text.find("\n") if "\n" in text else None]
    lines = csv.reader(text.splitlines(), delimiter=max(DELIMITERS, key=first.count), strict=True)
    try:
        header = [cell.strip() for cell in next(lines, [])]
        place = _time_column(header)
        reading = _long if "value" in header else _wide
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                said = f"{len(cells)} cells stand under {len(header)} columns."
                yield Refused(lines.line_num, "lengths", said, kept(",".join(cells)))
                continue
            yield from reading(lines.line_num, header, cells, place, (entries, unit_id))
    except csv.Error as wrong:
        detail = f"Line {lines.line_num} of the CSV cannot be read: {wrong}. Save the file as CSV in UTF-8 and send it."
        raise Problem(400, "csv-unreadable", detail) from None


def _time_column(header: Sequence[str]) -> int:
    places = [place for place, name in enumerate(header) if name.lower() in TIMES]
    if len(places) != 1 or len(set(header)) != len(header) or "" in header:
        detail = (
            f"The CSV's first line is {shown(','.join(header))}. Name each column once: at, and unit_id, point and "
            "value; or at and a column for each point."
        )
        raise Problem(422, "csv-header", detail)
    return places[0]


Where = tuple[Entries, str | None]


def _long(line: int, header: Sequence[str], cells: Sequence[str], place: int, where: Where) -> Iterator[Arrival]:
    entries, unit_id = where
    named = dict(zip(header, cells, strict=True))
    value = named.pop("value")
    entry: Entry = {name: cell.strip() for name, cell in named.items() if cell.strip()}
    entry["at"] = entry.pop(header[place], "")
    if unit_id is not None and not NAMES & {"unit_id", "series"} & entry.keys():
        entry["unit_id"] = unit_id
    yield from entries.read(line, entry | {"value": _number(value)})


def _wide(line: int, header: Sequence[str], cells: Sequence[str], place: int, where: Where) -> Iterator[Arrival]:
    """A blank cell is no reading. Without a unit the columns are named after series."""
    entries, unit_id = where
    named = dict(zip(header, cells, strict=True))
    at, unit = named.pop(header[place]).strip(), (named.pop("unit_id", "").strip() or unit_id)
    for column, cell in named.items():
        if cell.strip().lower() in NOTHING:
            continue
        entry: Entry = {"at": at, "value": _number(cell)}
        entry |= {"series": column} if unit is None else {"unit_id": unit, "point": column}
        yield from entries.read(line, entry)


def _number(cell: str) -> float | str | None:
    """What is no number stays text, and is refused with its line."""
    if cell.strip().lower() in NOTHING:
        return None
    try:
        return float(cell) if "_" not in cell else cell
    except ValueError:
        return cell
