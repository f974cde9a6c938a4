"""The Open Inference Protocol, passed on byte for byte: what it means is the inference server's to judge."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Request, Response

from gateway import inference
from gateway.errors import Problem, documented
from gateway.inference import DeadlineMs, Headers, Inference

router = APIRouter(tags=["open inference"], responses=documented(400, 413, 422, 500, 502, 503, 504))

# Belong to one connection and not to the message (RFC 9110, 7.6.1); the length is written anew.
HOP_BY_HOP = frozenset(
    b"connection content-length expect host keep-alive proxy-authenticate proxy-authorization "
    b"proxy-connection te trailer transfer-encoding upgrade".split()
)
# The gateway's own server writes these on every answer.
OURS = frozenset((b"date", b"server", b"x-request-id"))


@router.get("/v2", operation_id="openinference_server")
@router.get("/v2/{path:path}", operation_id="openinference_get")
@router.post("/v2/{path:path}", operation_id="openinference_post")
async def relay(request: Request, client: Inference, deadline_ms: DeadlineMs) -> Response:
    """Model metadata, readiness and inference, as the inference server answers them."""
    headers = _end_to_end(request.headers.raw)
    body = await request.body()
    outbound = inference.outgoing(client, request.method, _target(request), headers, body)
    answer, content = await inference.exchange(client, outbound, deadline_ms)
    response = Response(content, answer.status_code)
    response.raw_headers += [pair for pair in _end_to_end(answer.headers.raw) if pair[0].lower() not in OURS]
    return response


def _target(request: Request) -> bytes:
    """The path as it was written, query included; one that could mean a place outside /v2 is refused."""
    path: bytes = request.scope["raw_path"]
    meant = unquote_to_bytes(unquote_to_bytes(path))  # twice: a server behind may decode again
    if b".." in meant.replace(b"\\", b"/").split(b"/") or not path.isascii() or min(meant) < 0x20:
        raise Problem(400, "path-refused", "Write the path below /v2/ without '..' and control characters.")
    query: bytes = request.scope["query_string"]
    return path + (b"?" + query if query else b"")


def _end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    pairs = list(headers)
    named = {
        word.strip().lower() for name, value in pairs if name.lower() == b"connection" for word in value.split(b",")
    }
    return [(name, value) for name, value in pairs if name.lower() not in HOP_BY_HOP | named]
