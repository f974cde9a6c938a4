"""Answers that are asked for again and again: one that has not changed is a line, and each says when to come back."""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

SOON_S, LATEST_S = 1, 10

Known = Annotated[str | None, Header(alias="If-None-Match", description="The ETag of the answer that you have.")]

DOCUMENTED: dict[int | str, dict[str, Any]] = {304: {"description": "As you know it already."}}


class Failure(BaseModel):
    """Why there is no result: a word for machines, and what is wrong and what to do."""

    code: str
    detail: str


def answer(shown: BaseModel, known: str | None, wait_s: int | None = None, status: int = 200) -> Response:
    """The body with its ETag, or 304 where the caller knows it; ``wait_s`` is its Retry-After, if more will come."""
    body = shown.model_dump_json().encode()
    mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": mark, "Cache-Control": "private, no-cache"}
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    if known is not None and _names(known, mark):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers, "application/json")


def wait_s(left_s: float | None) -> int:
    """In how many seconds to ask again what takes so long, if that is known: no sooner than it can have changed."""
    return SOON_S if left_s is None else max(SOON_S, min(LATEST_S, math.ceil(left_s / 2)))


def _names(known: str, mark: str) -> bool:
    """Proxies may have weakened a mark; the star is any (RFC 9110, 13.1.2)."""
    return any(word.strip().removeprefix("W/") in ("*", mark) for word in known.split(","))
