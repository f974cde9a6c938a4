"""The measurement of imports: its workbooks, what it counts as memory, and a short form of the whole."""

import json
import os
import sys
import time
import zipfile
from datetime import datetime, timedelta

import openpyxl
import psutil
import pytest

from gateway.columns import LAST_YEAR
from loadtests.imports import __main__ as command
from loadtests.imports.books import FIRST, MEBIBYTE, bomb, table
from loadtests.imports.measure import Peak, refused, serving, taken
from loadtests.servers import Running
from loadtests.slo import VoidError

GROWING = """
import pathlib, subprocess, sys, time
child = "held = bytearray(80_000_000); print(len(held), flush=True); import sys; sys.stdin.read()"
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
with subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
    held.stdout.readline()
    time.sleep(0.5)
pathlib.Path(sys.argv[1]).unlink()
time.sleep(600)
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("imports")) as running:
        yield running


def test_a_table_has_a_row_for_each_of_so_many_days_and_a_hundred_thousand_are_days_that_are_taken(tmp_path):
    sheet = openpyxl.load_workbook(table(tmp_path / "x.xlsx", 50)).active
    header, *rows = sheet.iter_rows(values_only=True)
    assert header == ("date", "temperature", "humidity", "rainfall", "load")
    begun = datetime.combine(FIRST, datetime.min.time())
    assert [row[0] for row in rows] == [begun + timedelta(n) for n in range(50)]
    assert all(isinstance(value, int | float) for row in rows for value in row[1:])
    assert (FIRST + timedelta(max(command.ROWS) - 1)).year <= LAST_YEAR


def test_the_bomb_is_small_until_it_is_unpacked(tmp_path):
    path = bomb(tmp_path / "bomb.xlsx", 20)
    assert path.stat().st_size < MEBIBYTE / 20
    with zipfile.ZipFile(path) as packed:
        assert 20 * MEBIBYTE < sum(entry.file_size for entry in packed.infolist()) < 21 * MEBIBYTE


def test_what_a_child_holds_for_a_moment_counts_once_and_is_no_longer_there_afterwards(tmp_path):
    go = tmp_path / "go"
    growing = [sys.executable, "-c", GROWING, str(go)]
    running = Running(growing, None, dict(os.environ), tmp_path, tmp_path / "log")
    running.start()
    try:
        with Peak(running) as peak:
            go.touch()
            end = time.monotonic() + 30
            while go.exists():
                assert time.monotonic() < end, running.log.read_text()
                time.sleep(0.01)
        assert 80e6 < peak.extra_bytes < 80e6 + 30e6
        with Peak(running) as after:
            time.sleep(0.05)
        assert after.extra_bytes < 10e6
    finally:
        running.stop()


def test_a_run_in_which_rows_are_missing_or_a_bomb_is_taken_is_void(gateway, tmp_path):
    book = table(tmp_path / "x.xlsx", 10)
    with pytest.raises(VoidError, match="10 of 11 rows were taken"):
        taken(gateway, book, 11, 1)
    with pytest.raises(VoidError, match="the bomb was taken"):
        refused(gateway, book, 1)
    (tmp_path / "x.csv").write_text("date,load\n")
    with pytest.raises(VoidError, match="another reason: 415"):
        refused(gateway, tmp_path / "x.csv", 1)


def test_what_is_measured_goes_into_the_table_of_figures(tmp_path, monkeypatch, capsys):
    for name, value in {"ROWS": (40, 400), "BOMB_MIB": 20, "ROUNDS": 1}.items():
        monkeypatch.setattr(command, name, value)
    measured, before = tmp_path / "measured.json", set(psutil.Process().children())
    small = ["--rows", "40", "400", "--bomb-mib", "20", "--rounds", "1"]
    assert command.main([*small, "--measured", str(measured)]) == 0
    rows = {row["id"]: (row["unit"], row["command"]) for row in json.loads(measured.read_text())}
    units = {"P13": "s", "P13b": "s", "P13c": "MB", "P14": "s", "P14b": "MiB"}
    assert rows == {name: (unit, "python -m loadtests.imports") for name, unit in units.items()}
    figures = {row["id"]: row["value"] for row in json.loads(measured.read_text())}
    assert all(figures[name] > 0 for name in ("P13", "P13b", "P13c", "P14"))
    assert figures["P13c"] > 20  # the child alone, which reads with openpyxl, holds more
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == list(units)
    assert set(psutil.Process().children()) == before


def test_only_the_sizes_and_rounds_of_the_targets_count():
    def counts(*words):
        return command._counts(command._options().parse_args(words))

    assert counts()
    assert counts("--rounds", "9")
    assert not counts("--rounds", "4")
    assert not counts("--rows", "26280", "1000")
    assert not counts("--bomb-mib", "100")
