"""Login tokens: JWTs of two hours, signed by a secret of this installation."""

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

LASTS_S = 7200
ALGORITHM, TYPE = "HS256", "at+jwt"  # the type of access tokens (RFC 9068)
ISSUER = AUDIENCE = "forewatt"
CLAIMS = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti"]


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says that is ours and has not ended."""

    user: UUID
    jti: str
    until: int  # seconds since 1970


class Signer:
    """Makes tokens, and reads those that it made."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._sealing = hashlib.sha256(b"seal " + secret.encode()).digest()

    def make(self, user: UUID) -> str:
        """For this user, from now on."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user),
            "iat": now,
            "nbf": now,
            "exp": now + LASTS_S,
            "jti": uuid4().hex,
        }
        return jwt.encode(claims, self._secret, ALGORITHM, headers={"typ": TYPE})

    def read(self, token: bytes) -> Token | None:
        """Nothing for all that is not ours, not yet or no longer."""
        try:
            found = jwt.decode_complete(
                token, self._secret, [ALGORITHM], options={"require": CLAIMS}, audience=AUDIENCE, issuer=ISSUER
            )
            claims = found["payload"]
            user, until = UUID(claims["sub"]), int(claims["exp"])
        except (jwt.InvalidTokenError, ValueError):
            return None
        ours = found["header"].get("typ") == TYPE and until - int(claims["iat"]) <= LASTS_S
        return Token(user, str(claims["jti"]), until) if ours else None

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
