"""A broker's messages: events of CloudEvents in either mode, or a JSON form alone; and the envelope of a dead one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic_core import from_json

from gateway.telemetry.entries import Entries, kept
from gateway.telemetry.records import Arrival, Refused, shown

LONGEST = 256 * 1024  # bytes of a message that is read
CE = "ce_"
CONTENT_TYPE = "content-type"


def read(line: int, value: bytes | None, headers: Mapping[str, str], key: str | None = None) -> Iterator[Arrival]:
    """The records of a message. A binary event has its attributes in the headers; its key may name the unit."""
    if not value:
        yield Refused(line, "not-json", "The message is empty.", kept(""))
    elif len(value) > LONGEST:
        yield Refused(line, "too-large", f"The message has {len(value)} bytes; {LONGEST} are read.", kept(value))
    elif f"{CE}specversion" in headers:
        attributes = {name.removeprefix(CE): said for name, said in headers.items() if name.startswith(CE)}
        if key and "partitionkey" not in attributes:
            attributes["partitionkey"] = key
        yield from _binary(line, attributes, value)
    else:
        yield from Entries().read_text(line, value)


def _binary(line: int, attributes: Mapping[str, object], value: bytes) -> Iterator[Arrival]:
    try:
        payload = from_json(value, allow_inf_nan=False)
    except ValueError as wrong:
        text = value[:LONGEST].decode(errors="replace")
        yield Refused(
            line, "not-json", f"The event's data is not JSON: {shown(wrong)}.", kept({**attributes, "data": text})
        )
        return
    yield from Entries().read_event(line, attributes, payload)


def envelope(
    source: Mapping[str, object], value: bytes, headers: Mapping[str, str], refused: Sequence[Refused]
) -> bytes:
    """What goes into the topic of dead letters: where it came from, what was wrong, and the message itself.

    Of one that is too long the beginning; its source says where the whole lies.
    """
    errors = [{"reason": one.reason, "message": one.message, "remedy": one.remedy} for one in refused[:50]]
    said = {
        "source": source,
        "errors": errors,
        "attempts": 1,
        "trace": headers.get("traceparent"),
        "headers": headers,
        "payload": base64.b64encode(value[:LONGEST]).decode(),
        "truncated": len(value) > LONGEST,
    }
    return json.dumps(said, ensure_ascii=False).encode()
