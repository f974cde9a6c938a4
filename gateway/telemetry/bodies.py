"""Bodies that hold readings: JSON, lines of JSON, events or CSV, perhaps packed with gzip; bounded before all else."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pydantic_core import from_json

from gateway.errors import Problem
from gateway.telemetry import sheets
from gateway.telemetry.entries import Entries
from gateway.telemetry.moments import Moments
from gateway.telemetry.records import Arrival

GZIP = 31  # zlib's word for a gzip header


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a body may become when it is unpacked, and how many readings it may hold."""

    unpacked_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a request says once for all its rows."""

    unit_id: str | None = None
    zone: ZoneInfo | None = None


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before it was packed. 413 where that is more than ``most`` bytes, 415 for other packers."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzipped(body, most)
    raise Problem(415, "unsupported-encoding", "Only gzip is unpacked here. Send the body with it, or as it is.")


def read(body: bytes, media_type: str, bounds: Bounds, context: Context) -> list[Arrival]:
    """All records and refusals. 400 for a body that cannot be read at all, 413 for too many rows, 415 for its type."""
    reading = FORMS.get(media_type.partition(";")[0].strip().lower())
    if reading is None:
        detail = f"Readings come as one of {', '.join(FORMS)}. Send the body with its type in Content-Type."
        raise Problem(415, "unsupported-media-type", detail)
    found: list[Arrival] = []
    for arrival in reading(body, bounds, context):
        found.append(arrival)
        if len(found) > bounds.rows:
            raise _too_many(bounds.rows)
    if not found:
        raise Problem(422, "no-readings", "There is no reading in the body. Send at least one.")
    return found


def _json(body: bytes, bounds: Bounds, context: Context) -> Iterator[Arrival]:
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as wrong:
        detail = f"The body is not JSON: {wrong}. Send a list of records or one object."
        raise Problem(400, "not-json", detail) from None
    several = value if isinstance(value, list) else [value]
    if len(several) > bounds.rows:
        raise _too_many(bounds.rows)
    entries = Entries(Moments(context.zone))
    for line, entry in enumerate(several, 1):
        yield from entries.read(line, entry)


def _lines(body: bytes, _: Bounds, context: Context) -> Iterator[Arrival]:
    entries = Entries(Moments(context.zone))
    for line, text in enumerate(body.split(b"\n"), 1):
        if text.strip():
            yield from entries.read_text(line, text)


def _csv(body: bytes, _: Bounds, context: Context) -> Iterable[Arrival]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem(400, "csv-unreadable", "The CSV is not in UTF-8. Save it as such and send it again.") from None
    return sheets.read(text, Entries(Moments(context.zone)), context.unit_id)


FORMS: dict[str, Callable[[bytes, Bounds, Context], Iterable[Arrival]]] = {
    "application/json": _json,
    "application/x-ndjson": _lines,
    "application/ndjson": _lines,
    "application/jsonl": _lines,
    "text/csv": _csv,
    "application/cloudevents+json": _json,
    "application/cloudevents-batch+json": _json,
}


def _gunzipped(body: bytes, most: int) -> bytes:
    """One member after the other; no byte more than may be is ever made."""
    made = bytearray()
    try:
        while body:
            unpacking = zlib.decompressobj(GZIP)
            made += unpacking.decompress(body, most + 1 - len(made))
            if len(made) > most:
                detail = f"Unpacked the body has more than {most} bytes. Send it in several parts."
                raise Problem(413, "content-too-large", detail)
            if not unpacking.eof:
                raise zlib.error("it ends too early")
            body = unpacking.unused_data
    except zlib.error:
        detail = "The body cannot be unpacked. Send it whole, as gzip packs it, or without Content-Encoding."
        raise Problem(400, "not-gzip", detail) from None
    return bytes(made)


def _too_many(most: int) -> Problem:
    return Problem(413, "too-many-readings", f"The body holds more than {most} readings. Send it in several parts.")
