"""The child process's work, called here as it is: other columns, text that looks like a formula, and its own limits."""

import asyncio
import io
import subprocess
import sys
import threading
from pathlib import Path

import openpyxl
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from books import HEADER, book

from gateway import sheets, workbooks
from gateway.columns import Column
from gateway.errors import Problem, Unavailable
from gateway.series import POWER

GAS = (
    Column("temperature", frozenset(("temperature", "温度")), -90, 70),
    Column("pressure", frozenset(("pressure",)), 0, 100),
    Column("gas", frozenset(("gas", "consumption")), 0, 1e9, needed=True),
)


def test_another_declaration_of_columns_reads_another_table():
    content = book(
        [["2024-01-01", 5, 2.5, 700], ["2024-01-02", 5, 101, 700]], header=("日期", "温度", "pressure", "Gas (m3)")
    )
    reading = sheets.Reading(GAS, 10)
    reading.read(io.BytesIO(content))
    assert reading.rows == [["Sheet1", 2, "2024-01-01", [5.0, 2.5, 700.0]]]
    assert [(fault["column"], fault["cell"]) for fault in reading.faults] == [("pressure", "C3")]
    missing = sheets.Reading(GAS, 10)
    missing.read(io.BytesIO(book()))
    assert missing.faults[0]["column"] == "gas"


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "\t=1", "http://example.org", "<b>"])
def test_text_is_written_as_text_whatever_it_looks_like(text):
    file = io.BytesIO()
    sheets.write([[text, text], ["2024-01-01", text]], file)
    sheet = openpyxl.load_workbook(file).active
    assert {(cell.value, cell.data_type) for cell in (sheet["A1"], sheet["B1"], sheet["B2"])} == {(text, "s")}
    assert sheet["B1"].hyperlink is None


def test_the_child_process_knows_no_secret_and_is_stopped_when_it_takes_too_much(monkeypatch, tmp_path):
    monkeypatch.setenv("FOREWATT_API_KEY", "secret")
    monkeypatch.setattr(
        workbooks, "CHILD", f"import os; open({str(tmp_path / 'env')!r}, 'w').write(str(dict(os.environ)))"
    )
    workbooks._run("read")
    assert "secret" not in (tmp_path / "env").read_text()
    greedy = "from gateway import sheets; import openpyxl; openpyxl.load_workbook = lambda *_, **__: bytearray(2**31); "
    monkeypatch.setattr(workbooks, "CHILD", f"import sys; {greedy} sys.exit(sheets.run(*sys.argv[1:]))")
    (tmp_path / "x").write_bytes(b"")
    with (tmp_path / "x").open("r+b") as file, pytest.raises(Problem, match="too large"):
        workbooks.read(file, POWER, 10)


def test_the_child_process_ends_as_its_caller_expects():
    assert (workbooks.UNREADABLE, workbooks.TOO_LARGE) == (sheets.UNREADABLE, sheets.TOO_LARGE)
    with pytest.raises(RuntimeError):
        workbooks.written([["date"], ["no day"]])


def test_reading_needs_no_library_of_numbers(tmp_path):
    (tmp_path / "x.xlsx").write_bytes(book())
    with (tmp_path / "x.xlsx").open("r+b") as file:
        assert len(workbooks.read(file, POWER, 100).rows) == 20
    code = workbooks.CHILD.partition("sys.exit")[0] + "print(sys.modules['numpy'], 'fastapi' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=workbooks.ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout.split() == ["None", "False"]


async def test_so_many_workbooks_are_worked_on_some_wait_and_the_next_is_503():
    desk, go = workbooks.Desk(1), threading.Event()
    busy = [asyncio.create_task(desk.do(go.wait)) for _ in range(1 + workbooks.MOST_WAITING)]
    await asyncio.sleep(0.1)
    with pytest.raises(Unavailable, match="Try again"):
        await desk.do(go.wait)
    go.set()
    assert await asyncio.gather(*busy) == [True] * len(busy)
    assert await desk.do(lambda: HEADER) == HEADER
