"""People who register and log in, as a client written from the document would."""

from functools import cache

import httpx

PASSWORD = "123456"  # noqa: S105 - the document's example


def register(client: httpx.Client, name: str, password: str = PASSWORD, **more: str) -> httpx.Response:
    body = {"username": name, "password": password, "email": f"{name}@example.org", **more}
    return client.post("/api/auth/register", json=body)


def login(client: httpx.Client, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post("/api/auth/login", json={"username": name, "password": password}, headers=headers)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@cache
def known(client: httpx.Client, name: str, password: str = PASSWORD) -> dict[str, str]:
    """Registers this name once and gives the headers of one login."""
    assert register(client, name, password).status_code == 201
    return bearer(login(client, name, password).json()["token"])
