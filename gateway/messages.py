"""Headers as pairs of bytes: which belong to one connection, and how they stand in a head."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# Belong to one connection and not to the message (RFC 9110, 7.6.1); the length is written anew.
HOP_BY_HOP = frozenset(
    b"connection content-length expect host keep-alive proxy-authenticate proxy-authorization "
    b"proxy-connection te trailer transfer-encoding upgrade".split()
)
KEY_HEADERS = frozenset((b"x-api-key", b"authorization"))  # the gateway's; the inference server wants none
# The gateway's own server writes these on every answer.
OURS = frozenset((b"date", b"server", b"x-request-id"))


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Those that are for whoever reads the message in the end."""
    pairs = list(headers)
    named = {
        word.strip().lower() for name, value in pairs if name.lower() == b"connection" for word in value.split(b",")
    }
    return [(name, value) for name, value in pairs if name.lower() not in HOP_BY_HOP | named]


def lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """As they stand in a head."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])
