"""A POST to somebody else's address: looked up once, judged, connected to what was judged; no redirect is followed.

By the standard library's client, which of those tried needs the least from the other side's word until ``taken``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse

import httpx

from gateway.channels import addresses
from gateway.channels.parcel import ANSWER_S, CONNECT_S, SendError, unnoted
from gateway.channels.trust import trusted

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)  # may pass by themselves
PORTS = {"http": 80, "https": 443}


def post(url: str, body: bytes, headers: Mapping[str, str], *, cloud: bool, taken: Callable[[], None] = unnoted) -> str:
    """Who took it, with which status. Raises ``SendError``, whose words show neither path nor answer."""
    asked = httpx.URL(url)
    host, port = asked.raw_host.decode(), asked.port or PORTS[asked.scheme]
    try:
        found = addresses.allowed(host, port, cloud=cloud)
    except OSError:
        raise SendError(f"Nobody knows the host {asked.host}.") from None
    given = {"Host": asked.netloc.decode(), "User-Agent": "Forewatt", **headers}
    with closing(HTTPConnection(host, port)) as connection:
        connection.sock = _connected(asked, [(address, port) for address in found])
        with closing(_answer(connection, asked, body, given)) as answer:
            if 200 <= answer.status < 300:
                taken()  # before the connection is closed, which takes longer
                return f"{asked.host} took it with status {answer.status}."
    raise _refused(asked.host, answer.status)


def _connected(asked: httpx.URL, found: list[tuple[str, int]]) -> socket.socket:
    """To the first that can be reached, with the certificate of the host that was asked for."""
    why = ""
    for place in found:
        try:
            line = socket.create_connection(place, CONNECT_S)
            if asked.scheme == "https":
                line = trusted().wrap_socket(line, server_hostname=asked.raw_host.decode())
        except OSError as wrong:
            why = type(wrong).__name__
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # headers and body are two writes
            line.settimeout(ANSWER_S)
            return line
    raise SendError(f"{asked.host} cannot be reached: {why}.")


def _answer(connection: HTTPConnection, asked: httpx.URL, body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
    """Its head. A token may be of any letters, but on one line."""
    named = {name: value.encode() for name, value in headers.items()}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # who has heard enough may have answered
            connection.request("POST", asked.raw_path.decode(), body, named)
    except ValueError:
        raise SendError("A header is not on one line. Look at the secret it is made of.", hopeless=True) from None
    except OSError as wrong:
        raise _silent(asked.host, wrong) from None
    try:
        return connection.getresponse()
    except (OSError, HTTPException, ValueError) as wrong:  # a value error: a header that nobody can read
        raise _silent(asked.host, wrong) from None


def _silent(host: str, wrong: Exception) -> SendError:
    return SendError(f"{host} gave no answer: {type(wrong).__name__}.", unsure=True)


def _refused(host: str, status: int) -> SendError:
    if status < 200:  # a word before the answer, which the client does not wait for
        return SendError(f"{host} said {status}, which is no answer.", unsure=True)
    if status < 400:
        detail = f"{host} sent us elsewhere ({status}), where nothing is sent. Name the final address."
        return SendError(detail, hopeless=True)
    hopeless = status < 500 and status not in LATER
    return SendError(f"{host} refused it with status {status}.", unsure=status >= 500, hopeless=hopeless)
