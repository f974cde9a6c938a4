"""A POST to somebody else's address: looked up once, judged, connected to what was judged; no redirect is followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

import httpx

from gateway.channels import addresses
from gateway.channels.parcel import ANSWER_S, CONNECT_S, SendError, unnoted
from gateway.channels.trust import trusted

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)  # may pass by themselves
PORTS = {"http": 80, "https": 443}


def post(url: str, body: bytes, headers: Mapping[str, str], *, cloud: bool, taken: Callable[[], None] = unnoted) -> str:
    """Who took it, with which status. Raises ``SendError``, whose words show neither path nor answer."""
    asked = httpx.URL(url)
    try:
        found = addresses.allowed(asked.host, asked.port or PORTS[asked.scheme], cloud=cloud)
    except OSError:
        raise SendError(f"Nobody knows the host {asked.host}.") from None
    limits = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    given = {"Host": asked.netloc.decode(), "User-Agent": "Forewatt", **headers}
    named = [(name.encode(), value.encode()) for name, value in given.items()]  # a token may be of any letters
    sni = {"sni_hostname": asked.host}  # whose certificate is wanted
    with httpx.Client(timeout=limits, follow_redirects=False, trust_env=False, verify=trusted()) as client:
        for left, address in enumerate(found, 1 - len(found)):
            there = asked.copy_with(host=address)
            try:
                request = client.build_request("POST", there, content=body, headers=named, extensions=sni)
                return _posted(client, request, asked.host, taken)
            except (httpx.ConnectError, httpx.ConnectTimeout) as wrong:
                if left == 0:
                    raise SendError(f"{asked.host} cannot be reached: {_name(wrong)}.") from None
    raise SendError(f"Nobody knows the host {asked.host}.")


def _posted(client: httpx.Client, request: httpx.Request, host: str, taken: Callable[[], None]) -> str:
    try:
        answer = client.send(request, stream=True)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except httpx.HTTPError as wrong:
        raise SendError(f"{host} gave no answer: {_name(wrong)}.", unsure=True) from None
    status = answer.status_code
    if status < 300:
        taken()  # before the connection is closed, which takes longer
        return f"{host} took it with status {status}."
    if status < 400:
        detail = f"{host} sent us elsewhere ({status}), where nothing is sent. Name the final address."
        raise SendError(detail, hopeless=True)
    hopeless = status < 500 and status not in LATER
    raise SendError(f"{host} refused it with status {status}.", unsure=status >= 500, hopeless=hopeless)


def _name(wrong: httpx.HTTPError) -> str:
    return type(wrong).__name__
