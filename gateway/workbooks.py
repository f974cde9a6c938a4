"""Workbooks from outside and for outside: judged before they are unpacked, then read by a child process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar
from xml.parsers import expat

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from pydantic import BaseModel

from gateway.errors import Fault, Problem, Unavailable
from gateway.series import Series

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROOT = Path(__file__).parents[1]  # where a child process finds our packages
PATIENCE_S = 120
MOST_WAITING = 8
MOST_ENTRIES = 512
MOST_RATIO = 100  # of unpacked to packed; a table of numbers has about 10
SMALL_BYTES = 1024**2  # below it no ratio is asked
PROLOG_BYTES = 16 * 1024
DIRECTORY_BYTES = 256 * 1024
TAIL_BYTES = 22 + 65_535  # within it a ZIP file's last record begins
SAVE_AS = "Save it as an Excel workbook (.xlsx) and send that."
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and whatever Excel encrypts
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
UNREADABLE, TOO_LARGE = 3, 4  # how the child ends, as its own file says
# openpyxl takes numpy where it finds it, and needs none.
CHILD = "import sys; sys.modules['numpy'] = None; from gateway import sheets; sys.exit(sheets.run(*sys.argv[1:]))"
OTHERS = {".xls": "an old .xls", ".xlsm": "a workbook with macros", ".xlsb": "a binary .xlsb", ".csv": "a .csv"}

Done = TypeVar("Done")
Line = tuple[str, int, date, list[float | None]]  # sheet, row, day, and a value for each slot


class Read(BaseModel):
    """What a workbook held: its rows, what is wrong, how much of that, and what meant nothing."""

    rows: list[Line]
    faults: list[Fault]
    wrong: int
    ignored: list[str]


class Desk:
    """Where files from outside are worked on, off the event loop: so many at once, some waiting, the others 503."""

    def __init__(self, at_once: int) -> None:
        self._limiter = CapacityLimiter(at_once)

    async def do(self, work: Callable[[], Done]) -> Done:
        """What ``work`` gives, when its turn has come."""
        if self._limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise Unavailable("workbooks-waiting", "Too many files wait already.", retry_after_s=10)
        return await to_thread.run_sync(work, limiter=self._limiter)


def judge(name: str, file: BinaryIO, most_bytes: int) -> None:
    """Refuse, before anything is unpacked, what is no .xlsx (415) or would become too much (422)."""
    ending = Path(name).suffix.lower()
    if ending != ".xlsx":
        raise _other(f"This is {OTHERS.get(ending, 'no .xlsx file')}. {SAVE_AS}")
    file.seek(0)
    head = file.read(8)
    if head == OLD:
        file.seek(0)
        if ENCRYPTED in file.read():
            raise _other("The workbook is encrypted. Take the password away in Excel and send it again.")
        raise _other(f"This is an old .xls under another name. {SAVE_AS}")
    if not head.startswith(b"PK\x03\x04"):
        raise _other(f"This is no workbook, whatever its name says. {SAVE_AS}")
    try:
        with zipfile.ZipFile(_with_a_small_directory(file)) as book:
            _entries(book.infolist(), file.seek(0, os.SEEK_END), most_bytes)
            _parts(book)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise _unreadable() from None


def read(file: BinaryIO, series: Series, most_rows: int) -> Read:
    """The rows that it has for the series, and its faults; 422 where it cannot be read."""
    wanted = json.dumps({"columns": [asdict(column) for column in series.columns], "most_rows": most_rows})
    with _spooled(wanted) as asked, tempfile.TemporaryFile() as told:
        _run("read", file, asked, told)
        told.seek(0)
        found = Read.model_validate_json(told.read())
    for at, (sheet, row, day, values) in enumerate(found.rows):
        found.rows[at] = (sheet, row, day, series.placed(values))
    return found


def marked(file: BinaryIO, faults: Iterable[Fault]) -> bytes:
    """The same workbook with the wrong cells coloured and a note at each."""
    with _spooled(json.dumps([fault.model_dump() for fault in faults])) as asked, tempfile.TemporaryFile() as told:
        _run("mark", file, asked, told)
        told.seek(0)
        return told.read()


def written(rows: Sequence[Sequence[Any]], title: str = "readings") -> bytes:
    """A header and rows, each with its day first, as a workbook."""
    with _spooled(json.dumps({"rows": rows, "title": title})) as asked, tempfile.TemporaryFile() as told:
        _run("write", asked, told)
        told.seek(0)
        return told.read()


def _run(verb: str, *files: BinaryIO) -> None:
    """One of the child's verbs. Of our environment, with its secrets, the child gets nothing."""
    descriptors = [file.fileno() for file in files]
    command = [sys.executable, "-c", CHILD, verb, *map(str, descriptors)]
    try:
        with _from_the_beginning(descriptors):
            child = subprocess.run(  # noqa: S603 - our own words only
                command,
                cwd=ROOT,
                env={},
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PATIENCE_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise _too_slow() from None
    if child.returncode == UNREADABLE:
        raise _unreadable()
    if child.returncode == TOO_LARGE or child.returncode < 0:  # stopped by its limits
        raise _too_much()
    if child.returncode:
        raise RuntimeError(f"the process for a workbook ended with {child.returncode}")


@contextmanager
def _from_the_beginning(descriptors: Iterable[int]) -> Iterator[None]:
    """A place in a file is shared with a child: afterwards ours is where our own buffers believe it to be."""
    places = {descriptor: os.lseek(descriptor, 0, os.SEEK_CUR) for descriptor in descriptors}
    for descriptor in places:
        os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        yield
    finally:
        for descriptor, place in places.items():
            os.lseek(descriptor, place, os.SEEK_SET)


@contextmanager
def _spooled(text: str) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        yield file


def _with_a_small_directory(file: BinaryIO) -> BinaryIO:
    """The list of entries is read whole by whoever opens a ZIP file: it must be short, and there must be one only."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile
    if (
        tail[max(0, at - 20) : at].startswith(b"PK\x06\x07")
        or int.from_bytes(tail[at + 12 : at + 16], "little") > DIRECTORY_BYTES
    ):
        raise _too_much()
    return file


def _entries(entries: Sequence[zipfile.ZipInfo], size: int, most_bytes: int) -> None:
    if len(entries) > MOST_ENTRIES or len({entry.filename for entry in entries}) < len(entries):
        raise _too_much()
    if sum(entry.compress_size for entry in entries) > size:  # the same bytes, unpacked again and again
        raise _too_much()
    if sum(entry.file_size for entry in entries) > most_bytes:
        raise _too_much()
    for entry in entries:
        if entry.file_size > max(SMALL_BYTES, MOST_RATIO * entry.compress_size):
            raise _too_much()
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _unreadable()


def _parts(book: zipfile.ZipFile) -> None:
    names = {name.lower() for name in book.namelist()}
    found = {
        "a ZIP file, but no workbook": not names >= {"[content_types].xml", "_rels/.rels"},
        "a workbook with macros": any(name.endswith("vbaproject.bin") for name in names),
        "a binary .xlsb under another name": "xl/workbook.bin" in names,
        "another kind of document": "xl/workbook.xml" not in names,
    }
    for what, so in found.items():
        if so:
            raise _other(f"This is {what}. {SAVE_AS}")
    if any(name.startswith("xl/externallinks/") for name in names):
        detail = "The workbook has links to other files. Break them in Excel (Data, Edit Links) and send it again."
        raise Problem(422, "external-links", detail)
    for name in book.namelist():
        with book.open(name) as part:
            if _declares(part.read(PROLOG_BYTES)):
                raise _unreadable()


def _declares(beginning: bytes) -> bool:
    """Whether a DTD, and with it entities, stands before the first element; Excel writes none, and it would be near."""
    met: list[str] = []

    def stop(what: str) -> Callable[..., None]:
        def handler(*_: object) -> None:
            met.append(what)
            raise StopIteration

        return handler

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = stop("DTD"), stop("element")
    try:
        parser.Parse(beginning)
    except StopIteration:
        return met == ["DTD"]
    except expat.ExpatError:  # a picture, say; what is no XML here is none for openpyxl
        return False
    return len(beginning) == PROLOG_BYTES


def _other(detail: str) -> Problem:
    return Problem(415, "not-an-xlsx", detail)


def _unreadable() -> Problem:
    detail = "The workbook cannot be read. Open it in Excel, save it as a new .xlsx workbook and send that."
    return Problem(422, "workbook-unreadable", detail)


def _too_much() -> Problem:
    detail = "Unpacked the workbook is too large. Keep the table alone in it, or send it in several files."
    return Problem(422, "workbook-too-large", detail)


def _too_slow() -> Problem:
    detail = (
        f"Work on the workbook was stopped when it had taken {PATIENCE_S} seconds. "
        "Split the table into several files, or ask for fewer days at once."
    )
    return Problem(422, "workbook-too-slow", detail)


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.workbooks
    return desk


Sheets = Annotated[Desk, Depends(_desk)]
