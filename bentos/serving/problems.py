"""Why a request is not answered, in the words of RFC 9457 and of the Open Inference Protocol at once."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from functools import cached_property, lru_cache
from http import HTTPStatus
from random import Random
from typing import Any

import orjson
from pydantic import ValidationError

from bentos.serving.contract import Shed

log = logging.getLogger("forewatt.serving")

Headers = list[tuple[bytes, bytes]]
_IDS = Random(os.urandom(16))  # noqa: S311 - names, not secrets: asking the system for each costs more than a refusal
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
        errors = b',"errors":' + orjson.dumps(list(self.errors)) if self.errors else b""
        return b'%b"%b"%b}' % (self._begun, trace_id.encode(), errors)

    @cached_property
    def _begun(self) -> bytes:
        """Up to the trace id."""
        said = {
            "type": OVERLOADED if self.status == HTTPStatus.SERVICE_UNAVAILABLE else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "error": self.detail,
        }
        return orjson.dumps(said)[:-1] + b',"trace_id":'


def invalid(wrong: ValidationError) -> Refused:
    """400 for what is no JSON, 422 for what is well-formed but impossible; a place and a word for each fault."""
    found = wrong.errors(include_url=False, include_input=False, include_context=False)[:50]
    errors = [{"pointer": "".join(f"/{p}" for p in e["loc"]), "code": e["type"], "message": e["msg"]} for e in found]
    status = 400 if found[0]["type"] == "json_invalid" else 422
    return Refused(status, found[0]["type"], f"{found[0]['msg']} ({errors[0]['pointer'] or 'the whole'})", errors)


def new_trace_id() -> str:
    """For a caller who sent none."""
    return f"{_IDS.getrandbits(128):032x}"


def refusal(failure: Exception) -> Refused:
    """What a caller is told of it; what nobody expected goes to the log."""
    if isinstance(failure, Refused):
        return failure
    if isinstance(failure, Shed):
        return _overloaded(failure.reason, max(1, math.ceil(failure.retry_after_s)))
    log.error("a request failed", exc_info=failure)
    return Refused(500, "internal", "Something failed here. It is in the server's log.")


@lru_cache(maxsize=256)
def _overloaded(reason: str, retry_after_s: int) -> Refused:
    """503 with Retry-After, in whole seconds as the header wants them; kept, since it may be told thousands of times a
    second. Not to be raised: it would carry its way with it.
    """
    refused = Refused(503, reason, SHED[reason])
    refused.headers.append((b"retry-after", str(retry_after_s).encode()))
    return refused
