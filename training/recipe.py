"""Recipes: what is to be done otherwise than by default, and why, one file each; its table says for which command."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "recipes"


def read_recipe(kind: Literal["load", "fault", "laboratory"], name: str) -> dict[str, Any]:
    """The entries of ``recipes/<name>.toml``. Raises ``ValueError`` where there is no such recipe of this kind."""
    tables = {path.stem: tomllib.loads(path.read_text()) for path in FOLDER.glob("*.toml")}
    known = {stem: table[kind] for stem, table in tables.items() if kind in table}
    if name not in known:
        raise ValueError(f"There is no recipe '{name}'; there are {', '.join(sorted(known))}.")
    found: dict[str, Any] = known[name]
    return found
