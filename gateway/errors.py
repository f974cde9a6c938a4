"""The few problems a caller can meet, and their one translation to application/problem+json (RFC 9457)."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

MEDIA_TYPE = "application/problem+json"
SCHEMAS = "#/components/schemas/{model}"
MAX_FAULTS = 50
MODEL = (("model_type",), ("modelType",))
MAX_TEXT = 300  # of the caller's own words that come back

STORAGE: dict[int | None, Literal["full", "read-only"]] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
}

# What to do when the framework itself refuses.
REMEDIES = {
    400: "The body cannot be read. Send a file as multipart/form-data with its boundary, as curl -F file=@name does.",
    404: "There is no such address. Look for the right one in the list of routes at /docs or /openapi.json.",
    405: "This address does not take that method. Use one that the Allow header names.",
    413: "The body is too large. Send a shorter history or fewer rows.",
}


class Fault(BaseModel):
    """One thing that is wrong: a JSON pointer into the body, for tables the row (from 1) and the column.

    For a workbook also the sheet, the cell's own name, what stands there, and what to do.
    """

    pointer: str | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    cell: str | None = None
    value: str | None = None
    code: str
    message: str
    remedy: str | None = None


class ProblemDocument(BaseModel):
    """The body of every refusal."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = Field(None, description="What was asked for; the inference server leaves it out.")
    errors: list[Fault] = []
    trace_id: str | None = None
    error: str | None = Field(None, description="The detail once more, where the Open Inference Protocol looks.")
    violated_policies: list[str] | None = Field(None, serialization_alias="violated-policies")


class Problem(HTTPException):
    """A refusal that says what is wrong and what to do next; ``code`` is stable for machines."""

    def __init__(self, status: int, code: str, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(status, detail)
        self.type = f"urn:forewatt:problem:{code}"
        self.faults = faults
        self.violated: list[str] | None = None

    def response(self, path: str, trace_id: str | None = None) -> JSONResponse:
        """The document; ``path`` is what was asked for, under the id of this request or the one that is given."""
        detail = _short(self.detail, 1000)
        document = ProblemDocument(
            type=self.type,
            title=HTTPStatus(self.status_code).phrase,
            status=self.status_code,
            detail=detail,
            instance=_short(path),
            errors=list(self.faults),
            trace_id=trace_id or correlation_id.get(),
            error=detail if path.startswith("/v2") else None,
            violated_policies=self.violated,
        )
        content = document.model_dump(exclude_none=True, by_alias=True)
        return JSONResponse(content, self.status_code, self.headers, media_type=MEDIA_TYPE)


class Unavailable(Problem):
    """503: nothing is wrong with the question, it comes too early."""

    def __init__(self, code: str, detail: str, faults: Sequence[Fault] = (), retry_after_s: int = 2) -> None:
        super().__init__(503, code, f"{detail} Try again in {retry_after_s} seconds.", faults)
        self.headers = {"Retry-After": str(retry_after_s)}


def storage(why: Literal["full", "read-only"]) -> Unavailable:
    """503: nothing can be written, while what is there can still be read."""
    said = "has no room left" if why == "full" else "takes no changes"
    detail = f"Nothing was stored: the storage of this system {said}. Tell whoever runs it."
    return Unavailable(f"storage-{why}", detail, retry_after_s=60)


class Meanwhile(Problem):
    """409 that passes by itself: another request was at the same."""

    def __init__(self, code: str, detail: str, retry_after_s: int = 2) -> None:
        super().__init__(409, code, f"{detail} Send yours again in {retry_after_s} seconds.")
        self.headers = {"Retry-After": str(retry_after_s)}


class QuotaExceeded(Problem):
    """429: more often than ``policy`` allows, which is so many times in so many seconds."""

    def __init__(self, policy: str, times: int, window_s: int, wait_s: int, detail: str) -> None:
        super().__init__(429, "quota-exceeded", f"{detail} Try again in {wait_s} seconds.")
        self.type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
        self.violated = [policy]
        self.headers = {
            "Retry-After": str(wait_s),
            "RateLimit-Policy": f'"{policy}";q={times};w={window_s}',
            "RateLimit": f'"{policy}";r=0;t={wait_s}',
        }


def refused(errors: Sequence[Mapping[str, Any]], lines: Sequence[int] | None = None) -> Problem:
    """Pydantic's findings as a problem; ``lines`` are line numbers when the series came from a file."""
    faults = [_fault(error, lines) for error in errors[:MAX_FAULTS]]
    # A header and the model's name select what answers; the body's other fields are the question itself.
    status = 400 if any(_selects(error) for error in errors) else 422
    more = f" {len(errors) - 1} more like it, see errors." if len(errors) > 1 else ""
    first = f"{_place(faults[0])}{faults[0].message.rstrip('.')}."
    detail = f"{first}{more} Correct the request and send it again."
    return Problem(status, "invalid-request", detail, faults)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for OpenAPI; the document itself is described once, see ``install``."""
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS.format(model=ProblemDocument.__name__)}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Let every refusal and every crash leave as a problem document, and let the interface describe it."""
    app.exception_handler(HTTPException)(_from_http)
    app.exception_handler(RequestValidationError)(_from_validation)
    app.exception_handler(ClientDisconnect)(_from_disconnect)
    app.exception_handler(OSError)(_from_system)
    app.exception_handler(Exception)(_from_crash)
    plain = app.openapi
    app.openapi = lambda: _with_the_document(plain())  # type: ignore[method-assign]


def _with_the_document(described: dict[str, Any]) -> dict[str, Any]:
    schema = ProblemDocument.model_json_schema(mode="serialization", ref_template=SCHEMAS)
    described["components"]["schemas"] |= schema.pop("$defs") | {ProblemDocument.__name__: schema}
    return described


def _selects(error: Mapping[str, Any]) -> bool:
    where: tuple[str | int, ...] = error["loc"]
    return where[:1] == ("header",) or (where[-1:] in MODEL and error["type"] == "literal_error")


def _fault(error: Mapping[str, Any], lines: Sequence[int] | None) -> Fault:
    where = error["loc"][1:] if error["loc"][:1] == ("body",) else error["loc"]
    message = _short(error["msg"])
    if where[:1] == ("header",):
        return Fault(code=error["type"], message=f"header {where[-1]}: {message}")
    fault = Fault(pointer=_pointer(where), code=error["type"], message=message)
    match where:
        case ("series" | "weather_ahead" as table, int(index), *rest):
            from_file = table == "series" and lines is not None
            fault.row = lines[index] if from_file and lines else index + 1
            fault.pointer = "/new_data_path" if from_file else fault.pointer
            fault.column = _short(str(rest[0])) if rest else None
    return fault


def _pointer(where: Sequence[str | int]) -> str:
    return _short("".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in where))


def _place(fault: Fault) -> str:
    if fault.row is None:
        return f"At {fault.pointer}: " if fault.pointer else ""
    return f"Row {fault.row}, {fault.column}: " if fault.column else f"Row {fault.row}: "


def _short(text: str, limit: int = MAX_TEXT) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


async def _from_http(request: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error, Problem):
        return error.response(request.url.path)
    if isinstance(error.__cause__, OSError) and error.__cause__.errno in STORAGE:  # while an upload was put aside
        return await _from_system(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-")
    problem = Problem(status, code, REMEDIES.get(status, "Correct the request and send it again."))
    problem.headers = error.headers
    return problem.response(request.url.path)


async def _from_validation(request: Request, error: RequestValidationError) -> JSONResponse:
    return refused(error.errors()).response(request.url.path)


async def _from_disconnect(request: Request, _: ClientDisconnect) -> JSONResponse:
    cut = Problem(400, "body-cut-off", "The connection closed before the body ended. Send it again.")
    return cut.response(request.url.path)


async def _from_system(request: Request, error: OSError) -> JSONResponse:
    if error.errno not in STORAGE:
        raise error  # a crash like any other
    return storage(STORAGE[error.errno]).response(request.url.path)


async def _from_crash(request: Request, _: Exception) -> JSONResponse:
    detail = "Something broke on our side; our log has it under this trace_id. Try again, tell us if it stays."
    response = Problem(500, "internal", detail).response(request.url.path)
    # This answer leaves outside of the middleware that adds the request's id to all others.
    response.headers["X-Request-ID"] = correlation_id.get() or ""
    return response
