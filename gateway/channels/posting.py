"""A POST to somebody else's address: looked up once, judged, connected to what was judged; no redirect is followed."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import httpx

from gateway.channels import addresses
from gateway.channels.parcel import ANSWER_S, CONNECT_S, SendError
from gateway.channels.trust import trusted

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)  # may pass by themselves
PORTS = {"http": 80, "https": 443}


def post(url: str, body: bytes, headers: Mapping[str, str], *, cloud: bool) -> str:
    """Who took it, with which status. Raises ``SendError``, whose words show neither path nor answer."""
    asked = httpx.URL(url)
    try:
        found = addresses.allowed(asked.host, asked.port or PORTS[asked.scheme], cloud=cloud)
    except OSError:
        raise SendError(f"Nobody knows the host {asked.host}.") from None
    limits = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    with httpx.Client(timeout=limits, follow_redirects=False, trust_env=False, verify=trusted()) as client:
        for left, address in enumerate(found, 1 - len(found)):
            try:
                return _taken(client, asked, address, body, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout) as wrong:
                if left == 0:
                    raise SendError(f"{asked.host} cannot be reached: {_name(wrong)}.") from None
    raise SendError(f"Nobody knows the host {asked.host}.")


def _taken(client: httpx.Client, asked: httpx.URL, address: str, body: bytes, headers: Mapping[str, str]) -> str:
    given = {"Host": asked.netloc.decode(), "User-Agent": "Forewatt", **headers}
    named = [(name.encode(), value.encode()) for name, value in given.items()]  # a token may be of any letters
    sni = {"sni_hostname": asked.host}  # whose certificate is wanted
    try:
        with client.stream(
            "POST", asked.copy_with(host=address), content=body, headers=named, extensions=sni
        ) as answer:
            status = answer.status_code
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except httpx.HTTPError as wrong:
        raise SendError(f"{asked.host} gave no answer: {_name(wrong)}.", unsure=True) from None
    if status < 300:
        return f"{asked.host} took it with status {status}."
    if status < 400:
        detail = f"{asked.host} sent us elsewhere ({status}), where nothing is sent. Name the final address."
        raise SendError(detail, hopeless=True)
    hopeless = status < 500 and status not in LATER
    raise SendError(f"{asked.host} refused it with status {status}.", unsure=status >= 500, hopeless=hopeless)


def _name(wrong: httpx.HTTPError) -> str:
    return type(wrong).__name__
