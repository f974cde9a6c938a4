"""Bring measurements: an .xlsx workbook, all of it or what is right in it, never a day twice."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from gateway import measurements, store, uploads, workbooks
from gateway.auth import at_least
from gateway.errors import MAX_FAULTS, Fault, Problem, documented
from gateway.measurements import Duplicate, OnDuplicate, Sorted
from gateway.once import ONCE, OnceRoute
from gateway.owner import Owner
from gateway.series import POWER, SLOTS, Series, find
from gateway.settings import Knobs, Settings
from gateway.store import Database
from gateway.tables import Import
from gateway.workbooks import MEDIA_TYPE, ROOT, Line, Read, Sheets

router = APIRouter(route_class=OnceRoute, tags=["measurements"], responses=documented(400, 413, 415, 422, 500, 503))

SAMPLE = "sample series"


class Options(BaseModel):
    """How a workbook is taken, and into which series."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: str | None = Field(None, description="A name that GET /api/v1/series lists; power where none is given.")
    mode: Literal["all", "partial"] = Field("all", description="Every row or none, or those that are right.")
    on_duplicate: OnDuplicate = Field("keep", description="For a day that is there: keep it, replace it, refuse.")
    annotate: bool = Field(False, description="Where cells are wrong, answer with your workbook, the cells marked.")


class Imported(BaseModel):
    """What became of a workbook; of each list the first fifty."""

    importId: UUID  # noqa: N815 - the document's spelling
    imported: int
    duplicates: int
    errors: list[Fault]
    errorCount: int  # noqa: N815
    duplicateRows: list[Duplicate]  # noqa: N815
    ignored: list[str] = Field(description="Sheets and columns that mean nothing here.")


class Past(BaseModel):
    """An import that was taken."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    series: str
    file_name: str
    mode: str
    rows: int
    duplicates: int
    errors: int


_ALSO = {"model": Imported, "content": {MEDIA_TYPE: {}}}  # or the workbook, marked
_ANSWERS: dict[int | str, dict[str, Any]] = {200: _ALSO, **documented(409, 422)}
_ANSWERS[422]["content"][MEDIA_TYPE] = {}


@router.post("/api/data/import", dependencies=[at_least("engineer"), ONCE], responses=_ANSWERS)
@router.post("/api/v1/readings/import", dependencies=[at_least("engineer"), ONCE], responses=_ANSWERS)
async def bring(  # noqa: PLR0913, PLR0917 - what the framework hands over
    file: UploadFile,
    options: Annotated[Options, Query()],
    owner: Owner,
    settings: Knobs,
    database: Database,
    desk: Sheets,
    series: Annotated[str | None, Form(description="The series, where the query does not name it.")] = None,
) -> Response:
    """An .xlsx with one row a day: date and load, and temperature, humidity, rainfall where they are known.

    Of another series its own columns, as GET /api/v1/series lists them.
    """
    book, name, chosen = _real(file), _name(file), _chosen(settings, options.series, series)

    def take() -> Response:
        workbooks.judge(name, book, settings.import_unpacked_bytes)
        read = workbooks.read(book, chosen, settings.import_rows)
        return _take(book, read, options, measurements.begin(owner, chosen.name, name, options.mode), database)

    return await desk.do(take)


@router.post("/api/data/sample", dependencies=[at_least("engineer")], responses=documented(404, 409))
@router.post("/api/v1/readings/sample", dependencies=[at_least("engineer")], responses=documented(404, 409))
async def sample(
    owner: Owner, settings: Knobs, database: Database, desk: Sheets, series: Literal["power"] = "power"
) -> Imported:
    """Three generated years of a town's load, to try things with; days that you have already are kept."""

    def take() -> Imported:
        lines = _sample_lines(settings.body_limit_bytes)
        made = measurements.begin(owner, series, SAMPLE, "all")
        found = measurements.sort_out(lines, measurements.stored_days(database, made, lines), "keep")
        made.rows, made.duplicates = len(found.days), found.taken
        measurements.keep(database, made, found.days)
        return _said(made, found, [], [])

    return await desk.do(take)


@router.get("/api/v1/imports/{number}", dependencies=[at_least("viewer")], responses=documented(404))
def past(number: UUID, owner: Owner, database: Database) -> Past:
    """One of your imports."""
    with store.transaction(database) as session:
        found = session.scalar(measurements.brought(owner, number))
        if found is None:
            raise Problem(404, "import-unknown", "There is no such import. Use the importId that an import answered.")
        return Past.model_validate(found)


def _chosen(settings: Settings, by_query: str | None, by_form: str | None) -> Series:
    """The series that the query or the form names; both may, if they agree."""
    if by_query is not None and by_form not in (None, by_query):
        raise Problem(422, "series-twice", "The query names one series and the form another. Name it once.")
    name = by_form if by_query is None else by_query
    return find(settings.series, POWER.name if name is None else name)


def _real(file: UploadFile) -> BinaryIO:
    """The upload as a file of the system, which a child process can read."""
    file.file.rollover()  # type: ignore[attr-defined]
    return file.file


def _name(file: UploadFile) -> str:
    """The file's name without a path, and without what no name needs."""
    last = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[-255:]


def _take(book: BinaryIO, read: Read, options: Options, made: Import, database: Engine) -> Response:
    stored = measurements.stored_days(database, made, read.rows)
    found = measurements.sort_out(read.rows, stored, options.on_duplicate)
    faults = [*read.faults, *found.refused]
    wrong = read.wrong + (found.taken if options.on_duplicate == "refuse" else 0)
    taken = not wrong or (options.mode == "partial" and bool(read.rows))
    made.rows, made.duplicates, made.errors = len(found.days), found.taken, wrong
    marked = workbooks.marked(book, faults) if wrong and options.annotate else None
    if taken:
        measurements.keep(database, made, found.days)
    if marked is not None:
        headers = {"Content-Disposition": 'attachment; filename="marked.xlsx"'}
        return Response(marked, 200 if taken else 422, headers, MEDIA_TYPE)
    if not taken:
        raise _refusal(faults, wrong, some_right=bool(read.rows))
    said = _said(made, found, faults, read.ignored)
    return Response(said.model_dump_json(exclude_none=True), media_type="application/json")


def _said(made: Import, found: Sorted, faults: list[Fault], ignored: list[str]) -> Imported:
    return Imported(
        importId=made.id,
        imported=made.rows,
        duplicates=made.duplicates,
        errors=faults[:MAX_FAULTS],
        errorCount=made.errors,
        duplicateRows=found.first,
        ignored=ignored[:MAX_FAULTS],
    )


def _sample_lines(limit_bytes: int) -> list[Line]:
    """The series as the load bento makes it, which a gateway elsewhere may not have beside it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bentos.load.sample", f"{folder}/sample.csv"]
        made = subprocess.run(command, cwd=ROOT, env={}, timeout=30, capture_output=True, check=False)  # noqa: S603
        if made.returncode:
            detail = "The sample series is not installed here. Use a workbook of your own."
            raise Problem(404, "sample-unknown", detail)
        table = uploads.read(Path(folder), "/uploads/sample.csv", limit_bytes)
    return [
        (SAMPLE, line, date.fromisoformat(str(row["date"])), [float(row[slot]) for slot in SLOTS])
        for line, row in zip(table.lines, table.rows, strict=True)
    ]


def _refusal(faults: list[Fault], wrong: int, *, some_right: bool) -> Problem:
    first = faults[0]
    more = f" {wrong - 1} more like it, see errors." if wrong > 1 else ""
    place = ", ".join(part for part in (f"Sheet {first.sheet}", f"row {first.row}", first.column) if part)
    again = "Correct the workbook and send it again" + (", or import with mode=partial." if some_right else ".")
    detail = f"Nothing was imported. {place}: {first.message} {first.remedy}{more} {again}"
    return Problem(422, "import-refused", detail, faults[:MAX_FAULTS])
