"""What a child process does with a workbook: read it, write it, mark it; ``workbooks`` starts that process.

A process of its own, so that a file from outside can take no more than its memory and time, and no answer waits for it.
"""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from typing import Any, BinaryIO, cast

import openpyxl
import xlsxwriter
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter

from gateway.columns import CellError, Column, day, find, number, shown

MEMORY_BYTES = 1024**3
CPU_S = 60
UNREADABLE, TOO_LARGE = 3, 4  # how this process ends
HEADER_WITHIN = 20  # rows; titles may stand above the header
MOST_COLUMNS = 64
MOST_FAULTS = 1000  # that are told one by one
LAST_ROW = 1_048_576  # Excel's own
WRONG = PatternFill("solid", fgColor="FFFFC7CE")

Cells = tuple[Any, ...]
Row = tuple[int, Cells]


class Reading:
    """A workbook's rows, and what is wrong with it, with its place."""

    def __init__(self, columns: Sequence[Column], most_rows: int) -> None:
        self.columns, self.most_rows = columns, most_rows
        self.names = ("date", *(column.name for column in columns))
        self.needed = {"date", *(column.name for column in columns if column.needed)}
        self.rows: list[list[Any]] = []  # sheet, row, day, and a value for each column
        self.faults: list[dict[str, Any]] = []
        self.wrong = self.seen = 0
        self.ignored: list[str] = []

    def read(self, file: BinaryIO) -> None:
        """Every sheet that can be seen and whose header fits; where there is none, what the first one lacks."""
        headless: list[tuple[str, Row]] = []
        with closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as book:
            seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            self.ignored += [f"hidden sheet {sheet.title}" for sheet in book.worksheets if sheet not in seen]
            for sheet in seen:
                rows = enumerate(sheet.iter_rows(max_row=LAST_ROW, max_col=MOST_COLUMNS + 1, values_only=True), 1)
                header = self._header(rows)
                if self._missing(header[1]):
                    headless.append((sheet.title, header))
                else:
                    self._table(sheet.title, header, rows)
        if len(headless) == len(seen):
            self._no_table(headless)
        else:
            self.ignored += [f"sheet {title}" for title, _ in headless]

    def _missing(self, cells: Cells) -> list[str]:
        return [name for name in self.names if name in self.needed - find(cells, self.columns)[0].keys()]

    def _header(self, rows: Iterator[Row]) -> Row:
        """The first row that names the columns needed; else the first that is not empty."""
        first: Row = (1, ())
        for at, cells in rows:
            if not self._missing(cells):
                return at, cells
            if not first[1] and any(cell is not None for cell in cells):
                first = (at, cells)
            if at == HEADER_WITHIN:
                break
        return first

    def _no_table(self, headless: list[tuple[str, Row]]) -> None:
        filled = [each for each in headless if each[1][1]] or headless or [("", (1, ()))]
        title, (row, cells) = filled[0]
        missing = self._missing(cells)
        remedy = f"Name the columns in one row: {', '.join(self.names)}."
        error = CellError("column-missing", f"No column is named {' or '.join(missing)}.", remedy)
        header = ", ".join(str(cell) for cell in cells if cell is not None)
        self._fault(error, title, row, header, column=missing[0])

    def _table(self, title: str, header: Row, rows: Iterable[Row]) -> None:
        row, cells = header
        places, twice, strange = find(cells, self.columns)
        before = self.wrong
        self.ignored += [f"column {name} of sheet {title}" for name in strange]
        for name in twice:
            error = CellError("column-twice", f"The header names {name} more than once.", "Keep one of these columns.")
            self._fault(error, title, row, name, column=name)
        if len(cells) > MOST_COLUMNS and cells[-1] is not None:
            error = CellError("too-many-columns", f"At most {MOST_COLUMNS} columns are read.", "Delete the others.")
            self._fault(error, title, row, cells[-1])
        if self.wrong > before:
            return
        for row, cells in rows:
            values = [
                cells[place] if (place := places.get(name, LAST_ROW)) < len(cells) else None for name in self.names
            ]
            if all(value is None or value == "" for value in values):
                continue
            self.seen += 1
            if self.seen > self.most_rows:
                error = CellError("too-many-rows", f"At most {self.most_rows} rows are taken.", "Use several files.")
                self._fault(error, title, row, values[0], column="date")
                break
            self._row(title, row, values, places)

    def _row(self, title: str, row: int, values: list[Any], places: dict[str, int]) -> None:
        read: list[Any] = []
        for name, column, value in zip(self.names, (None, *self.columns), values, strict=True):
            try:
                read.append(number(value, column) if column else day(value).isoformat())
            except CellError as error:
                cell = f"{get_column_letter(places[name] + 1)}{row}"
                self._fault(error, title, row, value, column=name, cell=cell)
        if len(read) == len(values):
            self.rows.append([title, row, read[0], read[1:]])

    def _fault(self, error: CellError, sheet: str, row: int, value: object, **place: str | None) -> None:
        self.wrong += 1
        if len(self.faults) < MOST_FAULTS:
            said = {"code": error.code, "message": error.message, "remedy": error.remedy, "value": shown(value) or ""}
            self.faults.append({"pointer": "/file", "sheet": sheet, "row": row, **place, **said})


def write(rows: Iterable[Sequence[Any]], file: BinaryIO, title: str = "readings") -> None:
    """A table of days as a workbook, row by row. Text is written as text: nothing becomes a formula."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    days = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet(title)
    sheet.set_column(0, 0, 12)
    for at, row in enumerate(rows):
        for place, value in enumerate(row):
            if at and place == 0:
                sheet.write_datetime(at, place, date.fromisoformat(value), days)
            elif value is not None:
                sheet.write(at, place, value)
    book.close()


def mark(file: BinaryIO, faults: Iterable[dict[str, Any]], marked: BinaryIO) -> None:
    """The caller's own workbook, its wrong cells coloured and each with a note; formulas and styles stay."""
    book = openpyxl.load_workbook(file)
    for fault in faults:
        if fault["sheet"] not in book.sheetnames:
            continue
        cell = book[fault["sheet"]][fault.get("cell") or f"A{fault['row']}"]
        if cell.__class__.__name__ == "MergedCell":  # only the first of merged cells can hold a note
            continue
        cell.fill = WRONG
        before = f"{cell.comment.text}\n" if cell.comment else ""
        cell.comment = Comment(f"{before}{fault['message']} {fault['remedy']}", "Forewatt", height=90, width=280)
    book.save(marked)


def run(verb: str, *descriptors: str) -> int:
    """0, or why not: a file that cannot be read, or one that takes too much."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    os.nice(5)  # answers to others come first
    files = [cast("BinaryIO", os.fdopen(int(descriptor), "r+b")) for descriptor in descriptors]
    try:
        match verb:
            case "read":
                book, asked, told = files
                wanted = json.load(asked)
                reading = Reading([Column(**column) for column in wanted["columns"]], wanted["most_rows"])
                reading.read(book)
                found = {name: getattr(reading, name) for name in ("rows", "faults", "wrong", "ignored")}
                told.write(json.dumps(found).encode())
            case "write":
                asked, told = files
                wanted = json.load(asked)
                write(wanted["rows"], told, wanted["title"])
            case "mark":
                book, asked, told = files
                mark(book, json.load(asked), told)
    except MemoryError:
        return TOO_LARGE
    except Exception:  # whatever the library makes of a broken file, it cannot be read
        if verb == "write":
            raise
        return UNREADABLE
    for file in files:
        file.flush()
    return 0
