"""Whose rows are asked for. One owner until there are accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends


def owner() -> str:
    """The caller's account."""
    return "local"


Owner = Annotated[str, Depends(owner)]
