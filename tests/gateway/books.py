"""Real workbooks for the tests, good and bad."""

import io
import zipfile
from datetime import date, datetime, timedelta

import openpyxl
import xlsxwriter

HEADER = ("date", "temperature", "humidity", "rainfall", "load")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def rows(days=20, first=date(2024, 1, 1)):
    """A row a day, the day as Excel has it."""
    return [
        [datetime.combine(first + timedelta(n), datetime.min.time()), 10.5 + n % 5, 60.0, 0.0, 900.25 + n]
        for n in range(days)
    ]


def book(*sheets, header=HEADER):
    """A workbook as openpyxl writes it: of each sheet its rows, or its name and rows; None is no header."""
    made, file = openpyxl.Workbook(), io.BytesIO()
    made.remove(made.active)
    for number, sheet in enumerate(sheets or (rows(),), 1):
        name, content = sheet if isinstance(sheet, tuple) else (f"Sheet{number}", sheet)
        page = made.create_sheet(name)
        for row in [header, *content] if header else content:
            page.append(list(row))
    made.save(file)
    return file.getvalue()


def large(days, first=date(1900, 3, 1)):
    """A long one, written row by row."""
    file = io.BytesIO()
    made = xlsxwriter.Workbook(file, {"constant_memory": True})
    page, form = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd"})
    page.write_row(0, 0, HEADER)
    for n, (day, *values) in enumerate(rows(days, first), 1):
        page.write_datetime(n, 0, day, form)
        page.write_row(n, 1, values)
    made.close()
    return file.getvalue()


def with_parts(content, **parts):
    """The same workbook with these parts added or put in another's place; None takes one away."""
    file = io.BytesIO()
    parts = {name.replace("__", "/"): part for name, part in parts.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            if part is not None:
                new.writestr(name, part)
    return file.getvalue()


def sheet_xml(xml):
    """A workbook whose only sheet is this XML."""
    return with_parts(book(), **{"xl/worksheets/sheet1.xml": xml})


def read(content):
    """The rows of a workbook's first sheet."""
    return [list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True)]
