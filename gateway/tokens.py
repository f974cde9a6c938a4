"""Login tokens: JWTs of two hours, signed by a secret of this installation.

They can be renewed, but not for ever: twelve hours after the password was typed it is asked for again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import jwt

from gateway.settings import Settings

LASTS_S, LOGIN_LASTS_S = 7200, 12 * 3600
ALGORITHM, TYPE = "HS256", "at+jwt"  # the type of access tokens (RFC 9068)
ISSUER = AUDIENCE = "forewatt"
CLAIMS = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "auth_time", "gen"]


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says that is ours and has not ended; times in seconds since 1970."""

    user: UUID
    generation: int  # of the user's logins
    jti: str
    since: int  # when the password was typed
    until: int


class Signer:
    """Makes tokens, and reads those that it made."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._sealing = hashlib.sha256(b"seal " + secret.encode()).digest()

    def make(self, user: UUID, generation: int, since: float | None = None) -> tuple[str, int]:
        """From now on, and for how many seconds; ``since`` is when the password was typed, if not now."""
        now = int(time.time())
        begun = now if since is None else int(since)
        lasts = min(LASTS_S, begun + LOGIN_LASTS_S - now)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user),
            "iat": now,
            "nbf": now,
            "exp": now + lasts,
            "jti": uuid4().hex,
            "auth_time": begun,
            "gen": generation,
        }
        return jwt.encode(claims, self._secret, ALGORITHM, headers={"typ": TYPE}), lasts

    def read(self, token: bytes) -> Token | None:
        """Nothing for all that is not ours, not yet or no longer."""
        try:
            found = jwt.decode_complete(
                token, self._secret, [ALGORITHM], options={"require": CLAIMS}, audience=AUDIENCE, issuer=ISSUER
            )
            claims = found["payload"]
            since, until = int(claims["auth_time"]), int(claims["exp"])
            read = Token(UUID(claims["sub"]), int(claims["gen"]), str(claims["jti"]), since, until)
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError):
            return None
        short = until - int(claims["iat"]) <= LASTS_S and until - since <= LOGIN_LASTS_S
        return read if short and found["header"].get("typ") == TYPE else None

    def seal(self, pieces: Iterable[bytes]) -> str:
        """64 letters for these pieces in their order; who has not the secret cannot try out what they were."""
        made = hmac.new(self._sealing, digestmod="sha256")
        for piece in pieces:
            made.update(len(piece).to_bytes(8, "big"))
            made.update(piece)
        return made.hexdigest()


def signer(settings: Settings) -> Signer:
    """With the secret that is set, or with one that is made once and kept in the data folder."""
    return Signer(settings.word("secret") or _kept(settings.data / "secret.key"))


def _kept(path: Path) -> str:
    if not path.exists():
        made, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
        with os.fdopen(made, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(made)
        try:
            os.link(name, path)  # whole, and only where no other gateway was faster
        except FileExistsError:
            pass
        finally:
            os.unlink(name)
    return path.read_text()
