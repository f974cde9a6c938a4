"""Whatever is wrong with a workbook is named by its place with what to do, and nothing of it is taken."""

import io
import sys
import time
import zipfile
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path

import openpyxl
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from books import HEADER, XLSX, book, rows, sheet_xml, with_parts
from test_bad_input import check

from gateway import workbooks
from gateway.settings import Settings

IMPORT = "/api/data/import"
MEBIBYTE = 1024**2


def send(client, content, name="power.xlsx", **options):
    return client.post(IMPORT, files={"file": (name, content, XLSX)}, params=options)


def cell(column, value):
    """The sixth row with this in one of its cells."""
    content = rows(10)
    content[4][HEADER.index(column)] = value
    return book(("Daten", content))


CELLS = {
    # name: (column, value, the value as it comes back)
    "no day": ("date", None, ""),
    "a day that is not": ("date", "2024-02-30", "2024-02-30"),
    "a day that could be two": ("date", "01/02/2024", "01/02/2024"),
    "a year of two digits": ("date", "05.01.24", "05.01.24"),
    "a moment": ("date", datetime.fromisoformat("2024-01-05T12:30"), "2024-01-05 12:30:00"),
    "a moment as text": ("date", "2024-01-05T12:30:00Z", "2024-01-05T12:30:00Z"),
    "a time": ("date", clock(12, 30), "12:30:00"),
    "a word for a day": ("date", "yesterday", "yesterday"),
    "a serial number that is no date": ("date", 45296, "45296"),
    "true for a day": ("date", True, "True"),
    "a day of long ago": ("date", "1815-06-18", "1815-06-18"),
    "a day of far away": ("date", "2999-01-01", "2999-01-01"),
    "no load": ("load", None, ""),
    "spaces for a load": ("load", "   ", "   "),
    "a word for a load": ("load", "many", "many"),
    "a load with its unit": ("load", "900 MW", "900 MW"),
    "a load that could be two": ("load", "1,234", "1,234"),
    "a load that could be two, with a point": ("load", "1.234", "1.234"),
    "a negative load": ("load", -1, "-1"),
    "a load beyond any grid": ("load", 1e13, "10000000000000"),
    "true for a load": ("load", True, "True"),
    "a day for a load": ("load", datetime.fromisoformat("2024-01-05"), "2024-01-05 00:00:00"),
    "a formula without its value": ("load", "=A1", ""),
    "an error of a formula": ("load", "#DIV/0!", "#DIV/0!"),
    "NaN": ("load", "nan", "nan"),
    "a dash": ("load", "-", "-"),
    "a value of 10,000 signs": ("load", "x" * 10_000, "x" * 60 + "…"),
    "a temperature of 200": ("temperature", 200, "200"),
    "a temperature in kelvin": ("temperature", 283.15, "283.15"),
    "a temperature with its unit": ("temperature", "12 °C", "12 °C"),
    "an error of a lookup": ("temperature", "#N/A", "#N/A"),
    "n/a": ("temperature", "n/a", "n/a"),
    "a humidity of 101": ("humidity", 101, "101"),
    "a humidity with a percent sign": ("humidity", "60 %", "60 %"),
    "a negative humidity": ("humidity", -0.5, "-0.5"),
    "negative rain": ("rainfall", -3, "-3"),
    "a flood": ("rainfall", 30_000, "30000"),
    "a word for rain": ("rainfall", "trace", "trace"),
    "a formula as text": ("rainfall", "'=1+1", "'=1+1"),
    "a tag": ("rainfall", "<script>", "<script>"),
}


@pytest.mark.parametrize(("column", "value", "shown"), CELLS.values(), ids=CELLS)
def test_a_wrong_cell_is_named_with_its_sheet_row_column_value_and_remedy(caller, column, value, shown):
    problem = check(send(caller, cell(column, value)), 422)
    (error,) = problem["errors"]
    place = {"pointer": "/file", "sheet": "Daten", "row": 6, "column": column, "value": shown}
    assert error.items() >= place.items()
    assert error["cell"] == f"{'ABCDE'[HEADER.index(column)]}6"
    assert error["remedy"]
    assert error["remedy"] in problem["detail"]
    assert caller.get("/api/data/fetchData").json()["total"] == 0


HEADERS = {
    # name: (sheets, row, column)
    "no load column": (book([], header=HEADER[:-1]), 1, "load"),
    "no date column": (book([], header=HEADER[1:]), 1, "date"),
    "a column twice": (book([], header=(*HEADER, "负荷")), 1, "load"),
    "no header at all": (book(rows(), header=None), 1, "date"),
    "a header too far down": (book([*[["x"]] * 30, list(HEADER), *rows()], header=None), 1, "date"),
    "an empty sheet": (book([], header=None), 1, "date"),
    "a hundred columns": (book([], header=(*HEADER, *range(100))), 1, None),
}


@pytest.mark.parametrize(("content", "row", "column"), HEADERS.values(), ids=HEADERS)
def test_a_header_that_does_not_do_is_named_with_what_it_lacks(caller, content, row, column):
    (error,) = check(send(caller, content), 422)["errors"]
    assert (error["sheet"], error["row"], error.get("column")) == ("Sheet1", row, column)
    assert error["value"] is not None
    assert error["remedy"]


def odd(name="xl/workbook.xml", **changes):
    """A ZIP file whose entries say something strange."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", changes.pop("method", zipfile.ZIP_DEFLATED)) as made:
        made.writestr("[Content_Types].xml", "<a/>")
        made.writestr("_rels/.rels", "<a/>")
        for number in range(changes.pop("entries", 0)):
            made.writestr(f"xl/{number}.xml", "<a/>")
        made.writestr(name, "<a/>")
    return file.getvalue()


def encrypted():
    """How Excel stores what has a password."""
    return workbooks.OLD + bytes(1000) + workbooks.ENCRYPTED + bytes(1000)


OTHERS = {
    # name: (file name, content, status, what the answer says)
    "an old .xls": ("power.xls", workbooks.OLD + bytes(4000), 415, "old .xls"),
    "an old .xls under another name": ("power.xlsx", workbooks.OLD + bytes(4000), 415, "old .xls"),
    "a .csv": ("power.csv", b"date,load\n", 415, ".csv"),
    "a .csv under another name": ("power.xlsx", b"date,load\n2024-01-01,5\n", 415, "no workbook"),
    "a web page": ("power.xlsx", b"<html><table></table></html>", 415, "no workbook"),
    "a workbook with macros": ("power.xlsm", book(), 415, "macros"),
    "a macro part": ("power.xlsx", with_parts(book(), **{"xl/vbaProject.bin": b"x"}), 415, "macros"),
    "a binary workbook": ("power.xlsb", book(), 415, "binary"),
    "a binary workbook under another name": ("power.xlsx", odd("xl/workbook.bin"), 415, "binary"),
    "a letter": ("power.xlsx", odd("word/document.xml"), 415, "another kind"),
    "any ZIP file": ("power.xlsx", with_parts(book(), **{"[Content_Types].xml": None}), 415, "ZIP"),
    "a workbook with a password": ("power.xlsx", encrypted(), 415, "encrypted"),
    "no name": ("x", book(), 415, "no .xlsx"),
    "nothing": ("power.xlsx", b"", 415, "no workbook"),
    "half a workbook": ("power.xlsx", book()[:3000], 422, "save it as a new"),
    "links to other files": ("power.xlsx", with_parts(book(), **{"xl/externalLinks/1.xml": "<a/>"}), 422, "links"),
    "a broken sheet": ("power.xlsx", sheet_xml("<worksheet><sheetData><row"), 422, "save it as a new"),
    "a broken list of sheets": ("power.xlsx", odd(), 422, "save it as a new"),
    "an unusual packing": ("power.xlsx", odd(method=zipfile.ZIP_LZMA), 422, "save it as a new"),
    "a thousand parts": ("power.xlsx", odd(entries=1000), 422, "too large"),
    "a hundred thousand parts": ("power.xlsx", odd(entries=50_000), 422, "too large"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "status", "says"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_workbook_is_refused_and_told_what_it_is(caller, name, content, status, says):
    answer = send(caller, content, name)
    if status == 200:
        assert answer.json()["imported"] == 20
    else:
        assert says in check(answer, status)["detail"]


LOL = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
BOMBS = {
    "half a megabyte that becomes 512": sheet_xml(b"<worksheet>" + bytes(512 * MEBIBYTE)),
    "a DTD": sheet_xml(f"<?xml version='1.0'?>{LOL}<worksheet>&b;</worksheet>"),
    "a DTD behind a long comment": sheet_xml(f"<!--{'x' * 20_000}-->{LOL}<worksheet>&b;</worksheet>"),
    "a DTD in UTF-16": sheet_xml(f"<?xml version='1.0' encoding='utf-16'?>{LOL}<worksheet/>".encode("utf-16")),
    "a DTD in a part of another name": with_parts(book(), **{"xl/sheet.data": f"{LOL}<worksheet/>"}),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, content):
    (tmp_path / "bomb.xlsx").write_bytes(content)
    here = psutil.Process()
    before, begun = here.memory_info().rss, time.process_time()
    with (tmp_path / "bomb.xlsx").open("rb") as file, pytest.raises(workbooks.Problem) as refused:
        workbooks.judge("bomb.xlsx", file, 128 * MEBIBYTE)
    assert (refused.value.status_code, time.process_time() - begun < 0.2) == (422, True)
    assert here.memory_info().rss - before < 16 * MEBIBYTE


def lying(declared):
    """An entry of 40 megabytes that says it has fewer."""
    content = bytearray(sheet_xml(b"<worksheet>" + b" " * 40 * MEBIBYTE + b"</worksheet>"))
    at = content.rfind(b"PK\x01\x02", 0, content.rfind(b"xl/worksheets/sheet1.xml"))
    content[at + 24 : at + 28] = declared.to_bytes(4, "little")
    return bytes(content)


SPARSE = (
    "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>{}</sheetData></worksheet>"
)
GREEDY = {
    "an entry that lies about its size": lying(1000),
    "a cell in the last corner": sheet_xml(SPARSE.format("<row r='1048576'><c r='XFD1048576'><v>1</v></c></row>")),
    "a row beyond the last": sheet_xml(SPARSE.format("<row r='99999999999'><c r='A99999999999'><v>1</v></c></row>")),
    "a million empty rows": sheet_xml(SPARSE.format("<row/>" * 300_000)),
}


@pytest.mark.parametrize("content", GREEDY.values(), ids=GREEDY)
def test_a_workbook_that_asks_for_more_than_it_has_is_refused_soon(caller, content):
    begun = time.monotonic()
    check(send(caller, content), 422)
    assert time.monotonic() - begun < 20


def test_a_workbook_of_too_many_rows_is_refused_at_the_first_beyond(run_gateway, upstream, tmp_path):
    limits = {"data": tmp_path, "inference_url": upstream.url, "import_rows": 5}
    with run_gateway(Settings(**limits)) as client:
        (error,) = check(send(client, book(rows(7))), 422)["errors"]
    assert (error["row"], error["code"]) == (7, "too-many-rows")


def test_a_workbook_that_takes_too_long_is_told_so_and_not_that_it_is_too_large(caller, monkeypatch):
    monkeypatch.setattr(workbooks, "PATIENCE_S", 0.001)
    answer = send(caller, book(rows(30)))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:forewatt:problem:workbook-too-slow")
    assert "0.001 seconds" in answer.json()["detail"]
    assert caller.get("/api/data/fetchData").json()["total"] == 0


def test_at_most_fifty_wrong_cells_are_told_but_all_are_counted_and_marked(caller):
    content = book([[day, 10, 60, 0, "many"] for day, *_ in rows(70, date(2024, 1, 1))])
    problem = check(send(caller, content), 422)
    assert len(problem["errors"]) == 50
    assert "69 more" in problem["detail"]
    marked = openpyxl.load_workbook(io.BytesIO(send(caller, content, annotate="true").content)).active
    assert sum(cell.comment is not None for row in marked for cell in row) == 70


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"files": {"other": ("x.xlsx", b"x", XLSX)}}, 422), ({"json": {"file": "x"}}, 422),
     ({"data": {"file": "x"}}, 422),
     ({"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}}, 400)],
)  # fmt: skip
def test_a_form_without_a_file_is_refused(caller, sent, status):
    check(caller.post(IMPORT, **sent), status)


@pytest.mark.parametrize("options", [{"mode": "some"}, {"on_duplicate": "x"}, {"annotate": "perhaps"}, {"moed": "all"}])
def test_an_option_that_is_none_is_refused(caller, options):
    check(send(caller, book(), **options), 422)
