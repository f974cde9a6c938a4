"""The files that callers may name: found in their uploads folder only, read as rows that know their line.

An account's folder lies in the one of those who have no account, under the account's id: nobody else gets in.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from uuid import UUID

from gateway.errors import Fault, Problem

COLUMNS = ("date", "load", "temperature", "humidity", "rainfall")
NEEDED = ("date", "load")


@dataclass(frozen=True)
class Table:
    """Rows as the file has them, numbers as numbers, and for each its line in the file."""

    rows: list[dict[str, float | str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read(folder: Path, named: str, limit_bytes: int) -> Table:
    """The CSV that a caller names as /uploads/…; 400 for a bad path, 422 for a file that is no such table."""
    try:
        return _table(_content(folder, named, limit_bytes).decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error):
        detail = "The file is no CSV in UTF-8. Save it as such and upload it again."
        raise _unusable("csv-unreadable", detail) from None


def there(folder: Path, named: str) -> bool:
    """Whether there is a file that a caller may name so."""
    try:
        return _inside(folder, named).is_file()
    except (OSError, RuntimeError, ValueError):
        return False


def _content(folder: Path, named: str, limit_bytes: int) -> bytes:
    try:
        with _inside(folder, named).open("rb") as file:
            content = file.read(limit_bytes + 1)
    except (OSError, RuntimeError, ValueError):  # missing, a ring of links, a NUL or a way out
        # One answer for every bad path: it must not tell what exists elsewhere.
        detail = "new_data_path must name a .csv file that was uploaded, as /uploads/<name>.csv. Upload it first."
        fault = Fault(pointer="/new_data_path", code="path-refused", message=detail)
        raise Problem(400, "path-refused", detail, [fault]) from None
    if len(content) > limit_bytes:
        raise _unusable("file-too-large", f"The file has more than {limit_bytes} bytes. Upload a shorter history.")
    return content


def _inside(folder: Path, named: str) -> Path:
    wanted = PurePosixPath(named)
    if wanted.parts[:2] != ("/", "uploads") or ".." in wanted.parts or "\\" in named:
        raise ValueError
    # Links are followed before they are judged.
    found = folder.joinpath(*wanted.parts[2:]).resolve(strict=True)
    if not (found.is_relative_to(folder.resolve()) and found.is_file() and found.suffix.lower() == ".csv"):
        raise ValueError
    if _is_of_an_account(found.relative_to(folder.resolve())):
        raise ValueError
    return found


def _is_of_an_account(path: Path) -> bool:
    try:
        return len(path.parts) > 1 and bool(UUID(path.parts[0]))
    except ValueError:
        return False


def _table(text: str) -> Table:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    header = [cell.strip().lower() for cell in next(reader, [])]
    _check(header)
    table = Table()
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            detail = f"{len(cells)} cells under {len(header)} columns. Write numbers without commas in them."
            raise _unusable("csv-row-width", detail, row=reader.line_num)
        # A blank cell is not known, rather than nothing.
        known = [(column, cell.strip()) for column, cell in zip(header, cells, strict=True) if cell.strip()]
        table.rows.append({column: cell if column == "date" else _number(cell) for column, cell in known})
        table.lines.append(reader.line_num)
    return table


def _check(header: list[str]) -> None:
    missing = ", ".join(column for column in NEEDED if column not in header)
    if missing:
        detail = f"The first line must name the columns; missing: {missing}. Add it."
        raise _unusable("csv-column-missing", detail, row=1)
    strange = [column for i, column in enumerate(header) if column not in COLUMNS or column in header[:i]]
    if strange:
        detail = f"Unknown or repeated columns: {', '.join(strange)[:100]}. Keep only {', '.join(COLUMNS)}."
        raise _unusable("csv-column-unknown", detail, row=1)


def _number(cell: str) -> float | str:
    """What is no number stays text, for the question's schema to refuse by row and column."""
    try:
        return float(cell)
    except ValueError:
        return cell


def _unusable(code: str, detail: str, row: int | None = None) -> Problem:
    return Problem(422, code, detail, [Fault(pointer="/new_data_path", row=row, code=code, message=detail)])
