"""Requests that are done once, however often they are sent: the header Idempotency-Key (draft-ietf-httpapi).

A route takes part by ``dependencies=[ONCE]``, in a router whose ``route_class`` is one of the two here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.datastructures import FormData, UploadFile

from gateway import idempotency
from gateway.bodies import JsonRoute
from gateway.errors import Problem, documented
from gateway.idempotency import Answered, Claim
from gateway.owner import owner_of
from gateway.rights import Rights, address_of
from gateway.settings import MEBIBYTE
from gateway.tokens import Signer

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEY = re.compile(rb"[ -~]{1,255}")
KEPT_HEADERS = frozenset(("content-type", "content-disposition", "etag", "link", "location", "retry-after"))
MOST_BYTES = MEBIBYTE  # of an answer that is kept
CALLERS_RIGHTS = (401, 403)  # which may change, while what was asked stays
PIECE_BYTES = 64 * 1024
MULTIPART = "multipart/form-data"

log = logging.getLogger(__name__)

Answering = Callable[[Request], Coroutine[Any, Any, Response]]


async def _mark(
    _: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="A fresh UUID for each new request, the same when it is repeated: for 24 hours the repetition "
            f"does nothing and has the first answer, with {REPLAYED}: true.",
            json_schema_extra={"pattern": r"^[\w.:-]{1,255}$"},  # more is taken, but this is enough
        ),
    ] = None,
) -> None:
    """What the interface says; the route decides."""


ONCE = Depends(_mark)


class OnceRoute(APIRoute):
    """A route that does a request once, if it has the mark ``ONCE``."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(path, endpoint, **options)
        if ONCE in self.dependencies:
            self.responses = {**documented(400, 409, 422), **self.responses}

    def get_route_handler(self) -> Answering:
        """Wraps FastAPI's handler."""
        answer = super().get_route_handler()
        return _once(answer) if ONCE in self.dependencies else answer


class OnceJsonRoute(JsonRoute, OnceRoute):
    """The same where bodies are JSON."""


async def _makes(request: Request) -> UUID:
    return getattr(request.state, "makes", None) or uuid4()


# For the id of what a request makes. It is the same when the request is tried again after a crash, so that a route can
# see that it has done its work already.
Makes = Annotated[UUID, Depends(_makes)]


def _once(answer: Answering) -> Answering:
    async def once(request: Request) -> Response:
        key = _key(request)
        if key is None:
            return await answer(request)
        try:
            number, fingerprint = await _sealed(request, key)
            database: Engine = request.app.state.database
            found = await asyncio.to_thread(idempotency.claim, database, number, fingerprint)
            if isinstance(found, Answered):
                return _replayed(found)
            request.state.makes = found.makes
            return await _answered(answer, request, database, found)
        finally:
            await request.close()  # a form's files

    return once


def _key(request: Request) -> bytes | None:
    """As it is, or in quotes, as the draft writes it."""
    given = [value.strip() for name, value in request.headers.raw if name == HEADER.lower().encode()]
    if not given:
        return None
    key = given[0][1:-1].strip() if re.fullmatch(rb'".*"', given[0]) else given[0]
    if len(given) > 1 or not KEY.fullmatch(key):
        detail = f"{HEADER} is one header with 1 to 255 letters, digits and signs of ASCII. Send a UUID, for example."
        raise Problem(400, "idempotency-key-invalid", detail)
    return key


async def _sealed(request: Request, key: bytes) -> tuple[str, str]:
    """Who asks where under which key; and what. A form is known by its parts: its boundary is another each time."""
    rights: Rights = request.app.state.rights
    caller = await rights.identify(request.headers.raw)
    known = caller is not None and caller.shown != "nothing"
    who = owner_of(caller) if caller and known else address_of(request.scope)
    signer: Signer = request.app.state.accounts.signer
    place = (who.encode(), request.method.encode(), request.url.path.encode(), key)
    asked = request.scope["query_string"]
    if request.headers.get("content-type", "").lower().startswith(MULTIPART):
        pieces = _parts(asked, await request.form())
    else:
        pieces = iter((asked, await request.body()))
    return signer.seal(place), await asyncio.to_thread(signer.seal, pieces)


def _parts(asked: bytes, form: FormData) -> Iterator[bytes]:
    yield asked
    for name, value in form.multi_items():
        yield name.encode()
        if isinstance(value, UploadFile):
            yield (value.filename or "").encode()
            value.file.seek(0)
            while piece := value.file.read(PIECE_BYTES):
                yield piece
            value.file.seek(0)
        else:
            yield value.encode()
        yield b""


async def _answered(answer: Answering, request: Request, database: Engine, held: Claim) -> Response:
    try:
        async with _heard_of(database, held):
            said = await answer(request)
    except Problem as problem:
        said = problem.response(request.url.path)
    except Exception:
        await _end(database, held, None)
        raise
    await _end(database, held, _kept(said))
    return said


@asynccontextmanager
async def _heard_of(database: Engine, held: Claim) -> AsyncIterator[None]:
    async def beat() -> None:
        while True:
            await asyncio.sleep(idempotency.BEAT_S)
            with suppress(Problem):  # the database may come back in time
                await asyncio.to_thread(idempotency.beat, database, held)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def _end(database: Engine, held: Claim, answer: Answered | None) -> None:
    """The caller has his answer whether or not it could be kept."""
    try:
        if answer is None:
            await asyncio.to_thread(idempotency.give_back, database, held)
        else:
            await asyncio.to_thread(idempotency.keep, database, held, answer)
        if held.id.startswith("00"):  # one in 256
            await asyncio.to_thread(idempotency.sweep, database)
    except Problem:
        log.warning("The answer to an Idempotency-Key could not be kept, since the database is away.")


def _kept(said: Response) -> Answered | None:
    """What stays of an answer; nothing where the request may be done anew, as its refusal says or as 5xx means."""
    refused = said.status_code >= 400
    if said.status_code >= 500 or said.status_code in CALLERS_RIGHTS or (refused and "retry-after" in said.headers):
        return None
    headers = [[name, value] for name, value in said.headers.items() if name in KEPT_HEADERS]
    body = bytes(getattr(said, "body", b""))
    if "no-store" in said.headers.get("cache-control", "") or len(body) > MOST_BYTES:
        return None if refused else Answered(said.status_code, headers, None)
    return Answered(said.status_code, headers, body)


def _replayed(found: Answered) -> Response:
    if found.body is None:
        detail = (
            "This was done at the first request, whose answer is given only once. "
            "Look at what it made, and use a new Idempotency-Key to have it done again."
        )
        raise Problem(409, "idempotency-answer-gone", detail)
    response = Response(found.body, found.status)
    response.headers.update(dict(found.headers))
    response.headers[REPLAYED] = "true"
    return response
