"""Look at long work: listed, one task, each of its changes as it comes; and end it before its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Annotated, Any, get_args
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway import metrics, polling, tasks
from gateway.auth import at_least
from gateway.errors import Problem, Unavailable, documented
from gateway.owner import Owner
from gateway.polling import Failure, Known
from gateway.store import Database
from gateway.tables import Task
from gateway.tasks import Status

router = APIRouter(tags=["tasks"], responses=documented(422, 500, 503))

PATH = "/api/v1/tasks"
MOST_PER_PAGE = 100
LOOK_S = 0.5  # between two looks at a task that is watched
WATCHED_S = 900  # after which a watcher has to come again, and to show who he is
MOST_WATCHED = 64
COUNT_S = 5.0


class Brief(BaseModel):
    """Long work and how far it is."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: str
    status: Status
    progress: int = Field(description="Percent.")
    stage: str | None
    left_s: float | None = Field(description="Seconds that are left, as estimated when the progress was told.")
    attempts: int = Field(validation_alias="attempt", description="How often somebody began with it.")
    created_at: datetime
    changed_at: datetime
    error: Failure | None


class Step(BaseModel):
    """A change of the status."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    status: Status
    attempt: int
    reason: str | None


class Shown(Brief):
    """The same with all that became of it."""

    result: dict[str, Any] | None
    steps: list[Step] = []


class Listed(BaseModel):
    """Some tasks; the Link header leads to the next of them."""

    items: list[Brief]


class Asked(BaseModel):
    """Which tasks, and how many at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status | None = None
    limit: int = Field(50, ge=1, le=MOST_PER_PAGE)
    after: UUID | None = Field(None, description="The last task of the page before.")


@router.get(PATH, dependencies=[at_least("viewer")], responses=documented(404))
def listed(asked: Annotated[Asked, Query()], owner: Owner, database: Database, response: Response) -> Listed:
    """Your tasks, the newest first."""
    after = _found(database, owner, asked.after) if asked.after else None
    found = tasks.listed(database, owner, asked.status, after, asked.limit + 1)
    if len(found) > asked.limit:
        more = asked.model_copy(update={"after": found[asked.limit - 1].id})
        query = urlencode(more.model_dump(mode="json", exclude_none=True))
        response.headers["Link"] = f'<{PATH}?{query}>; rel="next"'
    return Listed(items=[Brief.model_validate(task) for task in found[: asked.limit]])


@router.get(
    PATH + "/{number}",
    dependencies=[at_least("viewer")],
    response_model=Shown,
    responses={**polling.DOCUMENTED, **documented(404)},
)
def look(number: UUID, owner: Owner, database: Database, known: Known = None) -> Response:
    """One of your tasks. Ask again after Retry-After, with the ETag as If-None-Match."""
    shown = _shown(database, owner, number)
    return polling.answer(shown, known, None if _ended(shown) else polling.wait_s(shown.left_s))


@router.delete(PATH + "/{number}", dependencies=[at_least("operator")], responses=documented(404, 409))
def cancel(number: UUID, owner: Owner, database: Database) -> Shown:
    """End a task; what is being done for it stops within seconds."""
    ended = tasks.cancel(database, owner, number)
    shown = _shown(database, owner, number)
    if not ended:
        detail = f"The task has ended already: {shown.status}. Look at its result; there is nothing to cancel."
        raise Problem(409, "task-ended", detail)
    return shown


async def _a_place(request: Request) -> AsyncIterator[None]:
    places: asyncio.Semaphore = request.app.state.watching
    if places.locked():
        detail = f"{MOST_WATCHED} callers watch tasks already. Ask for the task itself now and then."
        raise Unavailable("watchers-waiting", detail, retry_after_s=10)
    async with places:
        yield


async def _watched(number: UUID, owner: Owner, database: Database) -> UUID:
    await asyncio.to_thread(_found, database, owner, number)
    return number


@router.get(
    PATH + "/{number}/events",
    response_class=EventSourceResponse,
    dependencies=[at_least("viewer"), Depends(_a_place)],
    responses=documented(404),
)
async def events(
    request: Request, number: Annotated[UUID, Depends(_watched)], owner: Owner, database: Database
) -> AsyncIterable[ServerSentEvent]:
    """The task as it is and at each change, as server-sent events, until it is COMPLETED or FAILED."""
    closing: asyncio.Event = request.app.state.closing
    end, told = time.monotonic() + WATCHED_S, None
    while time.monotonic() < end and not closing.is_set():
        with suppress(Unavailable):  # the database may come back
            shown = await asyncio.to_thread(_shown, database, owner, number)
            if shown != told:
                yield ServerSentEvent(data=shown)
                told = shown
            if _ended(shown):
                return
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), LOOK_S)


@asynccontextmanager
async def counted(database: Engine) -> AsyncIterator[None]:
    """As long as this lasts, the gauges say how the tasks are."""
    counting = asyncio.create_task(_count(database))
    try:
        yield
    finally:
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting


async def _count(database: Engine) -> None:
    while True:
        try:
            states, age_s = await asyncio.to_thread(tasks.census, database)
        except (Unavailable, SQLAlchemyError):
            metrics.TASKS.clear()  # nothing is known: an old figure would say that all is well
            metrics.TASK_AGE.set(float("nan"))
        else:
            for status in get_args(Status):
                metrics.TASKS.labels(status).set(states.get(status, 0))
            metrics.TASK_AGE.set(age_s)
        await asyncio.sleep(COUNT_S)


def _found(database: Engine, owner: str, number: UUID) -> Task:
    task = tasks.find(database, owner, number)
    if task is None:
        raise Problem(404, "task-unknown", f"There is no such task. Use an id that {PATH} lists.")
    return task


def _shown(database: Engine, owner: str, number: UUID) -> Shown:
    shown = Shown.model_validate(_found(database, owner, number))
    shown.steps = [Step.model_validate(step) for step in tasks.steps(database, number)]
    return shown


def _ended(task: Brief) -> bool:
    return task.status not in tasks.UNFINISHED
