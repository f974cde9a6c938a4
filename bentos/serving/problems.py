"""Why a request is not answered, in the words of RFC 9457 and of the Open Inference Protocol at once."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError

from bentos.serving.contract import Shed

log = logging.getLogger("forewatt.serving")

Headers = list[tuple[bytes, bytes]]
OVERLOADED = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
SHED = {
    "deadline": "It could not be answered before its deadline. Ask again later, or allow more time.",
    "queue_full": "Too much is waiting already. Ask again later.",
    "stopped": "The server is stopping. Ask again.",
    "draining": "The server is stopping. Ask again.",
}


class Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that gets a problem document; ``errors`` name the places."""

    def __init__(self, status: int, code: str, detail: str, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.errors = status, code, detail, errors
        self.headers: Headers = []

    def body(self, trace_id: str) -> bytes:
        """The document; ``error`` is what the protocol's clients read."""
        kind = OVERLOADED if self.status == HTTPStatus.SERVICE_UNAVAILABLE else "about:blank"
        said: dict[str, Any] = {
            "type": kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "error": self.detail,
            "trace_id": trace_id,
        }
        return orjson.dumps(said | ({"errors": list(self.errors)} if self.errors else {}))


def invalid(wrong: ValidationError) -> Refused:
    """400 for what is no JSON, 422 for what is well-formed but impossible; a place and a word for each fault."""
    found = wrong.errors(include_url=False, include_input=False, include_context=False)[:50]
    errors = [{"pointer": "".join(f"/{p}" for p in e["loc"]), "code": e["type"], "message": e["msg"]} for e in found]
    status = 400 if found[0]["type"] == "json_invalid" else 422
    return Refused(status, found[0]["type"], f"{found[0]['msg']} ({errors[0]['pointer'] or 'the whole'})", errors)


def new_trace_id() -> str:
    """For a caller who sent none."""
    return os.urandom(16).hex()


def refusal(failure: Exception) -> Refused:
    """What a caller is told of it; what nobody expected goes to the log."""
    if isinstance(failure, Refused):
        return failure
    if isinstance(failure, Shed):
        return _from_shed(failure)
    log.error("a request failed", exc_info=failure)
    return Refused(500, "internal", "Something failed here. It is in the server's log.")


def _from_shed(shed: Shed) -> Refused:
    """503 with Retry-After, in whole seconds as the header wants them."""
    refused = Refused(503, shed.reason, SHED[shed.reason])
    refused.headers.append((b"retry-after", str(max(1, math.ceil(shed.retry_after_s))).encode()))
    return refused
