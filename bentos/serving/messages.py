"""A request and a reply as the hot routes see them: bytes, headers, a deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bentos.serving.contract import Served
from bentos.serving.problems import Headers, Refused

JSON, OCTETS, PROBLEM = b"application/json", b"application/octet-stream", b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Request:
    """``deadline`` is on the monotonic clock; header names are lower-case."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    deadline: float


@dataclass(slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = field(default_factory=list)


def allow(request: Request, method: str) -> None:
    """Raises ``Refused`` 405 for another method; where GET is right, HEAD is too."""
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        refused = Refused(405, "wrong_method", f"Send {method}.")
        refused.headers.append((b"allow", method.encode()))
        raise refused


def lines(headers: Headers) -> bytes:
    """As they stand in a head."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def timings(served: Served[Any]) -> bytes:
    """For ``Server-Timing`` (W3C): milliseconds behind other batches, waiting for company, and in the model."""
    return (
        b"queue;dur=%.3f, batch_wait;dur=%.3f, compute;dur=%.3f, batch;desc=%d"
        % (1e3 * served.queued_s, 1e3 * served.lingered_s, 1e3 * served.compute_s, served.batch_rows)
    )  # fmt: skip
