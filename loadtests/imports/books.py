"""The workbooks that are sent: a row a day, and one that would become half a gigabyte."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import date, timedelta
from pathlib import Path

import xlsxwriter

from bentos.load.sample import COLUMNS

FIRST = date(1900, 3, 1)  # before it Excel knows a day that never was
SHEET = "xl/worksheets/sheet1.xml"
MEBIBYTE = 1024**2


def table(path: Path, days: int) -> Path:
    """So many days in a row, each with its weather and its load."""
    dice = random.Random(days)  # noqa: S311 - weather, not secrets
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as made:
        sheet, form = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, COLUMNS)
        for n in range(days):
            weather = dice.gauss(12, 8), dice.uniform(30, 95), max(0.0, dice.gauss(-4, 6))
            sheet.write_datetime(n + 1, 0, FIRST + timedelta(n), form)
            sheet.write_row(n + 1, 1, [*(round(value, 1) for value in weather), round(dice.gauss(900, 60), 2)])
    return path


def bomb(path: Path, mebibytes: int) -> Path:
    """A table whose sheet becomes so large when it is unpacked; packed it has a thousandth of that."""
    file = io.BytesIO(table(path, 1).read_bytes())
    with zipfile.ZipFile(file) as harmless, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in harmless.namelist():
            if name != SHEET:
                made.writestr(name, harmless.read(name))
        with made.open(SHEET, "w") as sheet:
            sheet.write(b"<worksheet>")
            for _ in range(mebibytes):
                sheet.write(bytes(MEBIBYTE))
    return path
