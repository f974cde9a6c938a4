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

# The inference server's refusals are among them.
_SAID = documented(400, 404, 405, 409, 413, 415, 422, 500, 502, 503, 504)
router = APIRouter(tags=["open inference"], responses=_SAID)

Below = Annotated[str, Path(description="As the protocol has it, such as models/load/infer.")]


@router.post("/v2/repository/index", dependencies=[at_least("viewer")], operation_id="openinference_index")
@router.get("/v2", dependencies=[at_least("viewer")], operation_id="openinference_server")
async def server(request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """What the inference server is, and which models there are."""
    return await _passed_on(request, client, deadline_ms)


# Every POST that there is has a route with its role; what is spelt otherwise (//repository) goes nowhere.
@router.post("/v2/repository/{path:path}", dependencies=[at_least("admin")], operation_id="openinference_repository")
@router.post("/v2/models/{path:path}", dependencies=[at_least("operator")], operation_id="openinference_post")
@router.get("/v2/{path:path}", dependencies=[at_least("viewer")], operation_id="openinference_get")
async def relay(path: Below, request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """Model metadata, readiness and inference, as the inference server answers them."""
    return await _passed_on(request, client, deadline_ms)


async def _passed_on(request: Request, client: httpx.AsyncClient, deadline_ms: int) -> Response:
    headers = [pair for pair in end_to_end(request.headers.raw) if pair[0] not in KEY_HEADERS]
    body = await request.body()
    outbound = inference.outgoing(client, request.method, _target(request), headers, body)
    answer, content = await inference.exchange(client, outbound, deadline_ms)
    response = Response(content, answer.status_code)
    response.raw_headers += [pair for pair in end_to_end(answer.headers.raw) if pair[0].lower() not in OURS]
    return response


def _target(request: Request) -> bytes:
    """The path as it was written, query included; one that could mean a place outside /v2 is refused."""
    path: bytes = request.scope["raw_path"]
    meant = unquote_to_bytes(unquote_to_bytes(path))  # twice: a server behind may decode again
    if b".." in meant.replace(b"\\", b"/").split(b"/") or not path.isascii() or min(meant) < 0x20:
        detail = "This path could mean another place. Write it below /v2/ without '..' and control characters."
        raise Problem(400, "path-refused", detail)
    query: bytes = request.scope["query_string"]
    return path + (b"?" + query if query else b"")
