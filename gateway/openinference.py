"""The Open Inference Protocol, passed on byte for byte: what it means is the inference server's to judge."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote_to_bytes

import httpx
from fastapi import APIRouter, Path, Request, Response

from gateway import inference
from gateway.auth import at_least
from gateway.errors import Problem, documented
from gateway.inference import DeadlineMs, Inference
from gateway.messages import KEY_HEADERS, OURS, end_to_end

router = APIRouter(tags=["open inference"], responses=documented(400, 413, 422, 500, 502, 503, 504))

_THEIRS = documented(404, 405, 409, 415, 429)  # what the inference server may say
Below = Annotated[str, Path(description="As the protocol has it, such as models/load/infer.")]


@router.post(
    "/v2/repository/{path:path}",
    dependencies=[at_least("admin")],
    operation_id="openinference_repository",
    responses=_THEIRS,
)
async def arrange(path: Below, request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """Loading and unloading a model changes it for all who ask."""
    return await _relay(request, client, deadline_ms, _target(request))


@router.post(
    "/v2/repository/index",
    dependencies=[at_least("viewer")],
    operation_id="openinference_index",
    responses=_THEIRS,
)
async def index(request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """Which models there are."""
    return await _relay(request, client, deadline_ms, _target(request))


@router.get("/v2", dependencies=[at_least("viewer")], operation_id="openinference_server", responses=_THEIRS)
async def server(request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """What the inference server is, and which extensions it speaks."""
    return await _relay(request, client, deadline_ms, _target(request))


@router.get("/v2/{path:path}", dependencies=[at_least("viewer")], operation_id="openinference_get", responses=_THEIRS)
@router.post(
    "/v2/{path:path}", dependencies=[at_least("operator")], operation_id="openinference_post", responses=_THEIRS
)
async def relay(path: Below, request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """Model metadata, readiness and inference, as the inference server answers them."""
    target = _target(request)
    # What an admin alone may has a route of its own, which another spelling (//repository) must not go round.
    if request.method == "POST" and [part for part in _meant(request).split(b"/") if part][1:2] == [b"repository"]:
        raise _path_refused("Write the path as /v2/repository/… and nothing else before or in it.")
    return await _relay(request, client, deadline_ms, target)


async def _relay(request: Request, client: httpx.AsyncClient, deadline_ms: int, target: bytes) -> Response:
    headers = [pair for pair in end_to_end(request.headers.raw) if pair[0] not in KEY_HEADERS]
    body = await request.body()
    outbound = inference.outgoing(client, request.method, target, headers, body)
    answer, content = await inference.exchange(client, outbound, deadline_ms)
    response = Response(content, answer.status_code)
    response.raw_headers += [pair for pair in end_to_end(answer.headers.raw) if pair[0].lower() not in OURS]
    return response


def _target(request: Request) -> bytes:
    """The path as it was written, query included; one that could mean a place outside /v2 is refused."""
    path: bytes = request.scope["raw_path"]
    meant = _meant(request)
    if b".." in meant.split(b"/") or not path.isascii() or min(meant) < 0x20:
        raise _path_refused("Write the path below /v2/ without '..' and control characters.")
    query: bytes = request.scope["query_string"]
    return path + (b"?" + query if query else b"")


def _meant(request: Request) -> bytes:
    """The path as a server behind may understand it, which may decode once more and take \\ for /."""
    return unquote_to_bytes(unquote_to_bytes(request.scope["raw_path"])).replace(b"\\", b"/")


def _path_refused(detail: str) -> Problem:
    return Problem(400, "path-refused", detail)
