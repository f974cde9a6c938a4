"""A Brick model is uploaded: looked at by a process of its own, reported on, and taken over if that is wanted."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json
from sqlalchemy import Engine

from gateway import store
from gateway.auth import Caller, at_least
from gateway.equipment.adoption import adopt
from gateway.equipment.report import REFUSED, Ids, Report
from gateway.errors import Fault, Problem, documented
from gateway.once import ONCE, OnceRoute
from gateway.rights import Identity
from gateway.store import Database
from gateway.workbooks import ROOT, Sheets

PATIENCE_S = 60
MOST_UNITS = 2_000

router = APIRouter(route_class=OnceRoute, tags=["equipment"], responses=documented(400, 413, 415, 422, 500, 503))


class Options(BaseModel):
    """How a model is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(False, description="Tell what would be, and store nothing.")
    ids: Ids = Field(
        "reference", description="Where a point has no time-series id: none, its label or its name is one."
    )
    prefix: Annotated[str, Field(max_length=32, pattern=r"^(\w[\w.:~@+-]*)?$")] = Field(
        "", description="Stands before each unit's id, so that equal names of two buildings stay apart."
    )


class Uploaded(Report):
    """The report, and whether its units are ours now."""

    stored: bool


@router.post("/api/v1/equipment/brick", dependencies=[at_least("engineer"), ONCE], responses=documented(409))
async def upload(
    file: UploadFile, options: Annotated[Options, Query()], caller: Caller, database: Database, desk: Sheets
) -> Uploaded:
    """A Brick model in Turtle: its units, their points, units of measure and time-series ids, and what feeds what.

    What was not understood is told, with what each missing point would unlock. Units that are there are added to.
    """
    if not (file.filename or "").lower().endswith((".ttl", ".turtle")):
        raise Problem(415, "not-turtle", "A Brick model comes in Turtle. Save it as a .ttl file and send that.")
    turtle = await file.read()
    return await desk.do(lambda: _take(database, turtle, options, caller))


def examine(turtle: bytes, ids: Ids, prefix: str) -> Report:
    """The report of a model; 422 where it is broken or too much. Of our environment the child gets nothing."""
    command = [sys.executable, "-m", "gateway.equipment.child", ids, prefix]
    try:
        done = subprocess.run(  # noqa: S603 - our own words only
            command, input=turtle, cwd=ROOT, env={}, capture_output=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise _too_much() from None
    if done.returncode == REFUSED:
        raise _refusal(from_json(done.stdout))
    if done.returncode < 0 or b"MemoryError" in done.stderr:  # stopped by its limits
        raise _too_much()
    if done.returncode:
        raise RuntimeError(f"the process for a Brick model ended with {done.returncode}: {done.stderr[-500:]!r}")
    return Report.model_validate_json(done.stdout)


def _take(database: Engine, turtle: bytes, options: Options, caller: Identity) -> Uploaded:
    report = examine(turtle, options.ids, options.prefix)
    if len(report.units) > MOST_UNITS:
        raise Problem(422, "too-many-units", f"The model has more than {MOST_UNITS} units. Send it in several files.")
    _store(database, report, caller, dry_run=options.dry_run)
    return Uploaded(**report.model_dump(), stored=not options.dry_run)


@store.retried
def _store(database: Engine, report: Report, caller: Identity, *, dry_run: bool) -> None:
    """Or only try it, so that what would be refused is refused."""
    with store.transaction(database, "The units could not be stored.") as session:
        adopt(session, report.units, caller, datetime.now(UTC))
        if dry_run:
            session.rollback()


def _refusal(said: dict[str, str | int | None]) -> Problem:
    at = f"Line {said['line']}: " if said["line"] else ""
    detail = f"{at}{said['message']} Correct the model and send it again."
    row = int(said["line"]) if said["line"] else None
    return Problem(
        422, str(said["code"]), detail, [Fault(code=str(said["code"]), message=str(said["message"]), row=row)]
    )


def _too_much() -> Problem:
    detail = "The model took more memory or time than a model may. Send a smaller one, or send it in several files."
    return Problem(422, "model-too-much", detail)
