"""Whose rows are asked for: those of the caller's account. All who have none share the ones of this machine."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from gateway.auth import Caller
from gateway.rights import NOBODY, Identity

LOCAL = "local"


def owner_of(caller: Identity) -> str:
    """The id of the caller's account."""
    return LOCAL if caller.id == NOBODY else str(caller.id)


async def owner(caller: Caller) -> str:
    """The same, as routes depend on it."""
    return owner_of(caller)


Owner = Annotated[str, Depends(owner)]
