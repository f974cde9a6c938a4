"""A POST to somebody else's address: looked up once, judged, connected to what was judged; no redirect is followed.

By the standard library's client, which of those tried needs the least from the other side's word until ``taken``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import httpx

from gateway.channels import addresses
from gateway.channels.parcel import ANSWER_S, CONNECT_S, SendError, unnoted
from gateway.channels.trust import trusted

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)  # may pass by themselves
PORTS = {"http": 80, "https": 443}


def post(url: str, body: bytes, headers: Mapping[str, str], *, cloud: bool, taken: Callable[[], None] = unnoted) -> str:
    """Who took it, with which status. Raises ``SendError``, whose words show neither path nor answer."""
    asked = httpx.URL(url)
    port = asked.port or PORTS[asked.scheme]
    try:
        found = addresses.allowed(asked.host, port, cloud=cloud)
    except OSError:
        raise SendError(f"Nobody knows the host {asked.host}.") from None
    given = {"Host": asked.netloc.decode(), "User-Agent": "Forewatt", **headers}
    with closing(HTTPConnection(asked.host, port)) as connection:
        connection.sock = _connected(asked, [(address, port) for address in found])
        status = _answered(connection, asked, body, given)
        if status < 300:
            taken()  # before the connection is closed, which takes longer
            return f"{asked.host} took it with status {status}."
    if status < 400:
        detail = f"{asked.host} sent us elsewhere ({status}), where nothing is sent. Name the final address."
        raise SendError(detail, hopeless=True)
    hopeless = status < 500 and status not in LATER
    raise SendError(f"{asked.host} refused it with status {status}.", unsure=status >= 500, hopeless=hopeless)


def _connected(asked: httpx.URL, found: list[tuple[str, int]]) -> socket.socket:
    """To the first that can be reached, with the certificate of the host that was asked for."""
    why: OSError | None = None
    for place in found:
        try:
            line = socket.create_connection(place, CONNECT_S)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # headers and body are two writes
            if asked.scheme == "https":
                line = trusted().wrap_socket(line, server_hostname=asked.host)
            line.settimeout(ANSWER_S)
        except OSError as wrong:
            why = wrong
        else:
            return line
    raise SendError(f"{asked.host} cannot be reached: {type(why).__name__}.")


def _answered(connection: HTTPConnection, asked: httpx.URL, body: bytes, headers: Mapping[str, str]) -> int:
    """The status. A token may be of any letters, but on one line."""
    named = {name: value.encode() for name, value in headers.items()}
    try:
        connection.request("POST", asked.raw_path.decode(), body, named)
        return connection.getresponse().status
    except ValueError:
        raise SendError("A header is not on one line. Look at the secret it is made of.", hopeless=True) from None
    except (OSError, HTTPException) as wrong:
        raise SendError(f"{asked.host} gave no answer: {type(wrong).__name__}.", unsure=True) from None
