"""Bring measurements: an .xlsx workbook, all of it or what is right in it, never a day twice."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, BinaryIO, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine

from gateway import measurements, store, workbooks
from gateway.errors import MAX_FAULTS, Fault, Problem, documented
from gateway.measurements import Duplicate, OnDuplicate
from gateway.owner import Owner
from gateway.settings import Knobs
from gateway.store import Database, Import
from gateway.workbooks import MEDIA_TYPE, Sheets

router = APIRouter(tags=["measurements"], responses=documented(400, 413, 415, 422, 500, 503))


class Options(BaseModel):
    """How a workbook is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    file_name: str
    mode: str
    rows: int
    duplicates: int
    errors: int


@router.post("/api/data/import", responses={200: {"model": Imported, "content": {MEDIA_TYPE: {}}}, **documented(409)})
@router.post(
    "/api/v1/readings/import", responses={200: {"model": Imported, "content": {MEDIA_TYPE: {}}}, **documented(409)}
)
async def bring(  # noqa: PLR0913, PLR0917 - what the framework hands over
    file: UploadFile,
    options: Annotated[Options, Query()],
    owner: Owner,
    settings: Knobs,
    database: Database,
    desk: Sheets,
) -> Response:
    """An .xlsx with one row a day: date and load, and temperature, humidity, rainfall where they are known."""
    book, name = _real(file), (file.filename or "").replace("\\", "/").rpartition("/")[2]

    def take() -> Response:
        workbooks.judge(name, book, settings.import_unpacked_bytes)
        return _take(
            book, options, measurements.begin(owner, name[-255:], options.mode), database, settings.import_rows
        )

    return await desk.do(take)


@router.get("/api/v1/imports/{number}", responses=documented(404))
def past(number: UUID, owner: Owner, database: Database) -> Past:
    """One of your imports."""
    with store.transaction(database) as session:
        found = session.scalar(measurements.imports(owner, number))
        if found is None:
            raise Problem(404, "import-unknown", "There is no such import. Use the importId that an import answered.")
        return Past.model_validate(found)


def _real(file: UploadFile) -> BinaryIO:
    """The upload as a file of the system, which a child process can read."""
    file.file.rollover()  # type: ignore[attr-defined]
    return file.file


def _take(book: BinaryIO, options: Options, made: Import, database: Engine, most_rows: int) -> Response:
    read = workbooks.read(book, most_rows)
    stored = measurements.stored_days(database, made.owner, read.rows)
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
    said = Imported(
        importId=made.id,
        imported=len(found.days),
        duplicates=found.taken,
        errors=faults[:MAX_FAULTS],
        errorCount=wrong,
        duplicateRows=found.first,
        ignored=read.ignored[:MAX_FAULTS],
    )
    return Response(said.model_dump_json(exclude_none=True), media_type="application/json")


def _refusal(faults: list[Fault], wrong: int, *, some_right: bool) -> Problem:
    first = faults[0]
    more = f" {wrong - 1} more like it, see errors." if wrong > 1 else ""
    place = ", ".join(part for part in (f"Sheet {first.sheet}", f"row {first.row}", first.column) if part)
    again = "Correct the workbook and send it again" + (", or import with mode=partial." if some_right else ".")
    detail = f"Nothing was imported. {place}: {first.message} {first.remedy}{more} {again}"
    return Problem(422, "import-refused", detail, faults[:MAX_FAULTS])
