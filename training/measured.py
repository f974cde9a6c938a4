"""`docs/measured.json`: each figure with the command that measured it; `docs/measured.md` is made from it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

UNITS = {
    "B01": "ratio", "Q1": "ratio", "Q1b": "ratio", "P3": "ratio", "P4": "ratio",
    "P5": "largest absolute difference", "P5b": "swapped rows of 100,000", "P6": "errors",
    "P1": "ms", "P1b": "ms", "P1@gateway64": "ratio", "P1@nginx64": "ratio",
    "P10": "ms", "P11": "s", "P12": "s", "P13": "s", "P13b": "s", "P13c": "MB", "P14": "s", "P14b": "MiB",
    "A07": "ratio", "R1": "tasks", "S2": "failures",
    "Q11": "h", "Q11_low": "h", "Q11_high": "h", "Q11b": "h", "Q12": "a unit and month", "Q12_low": "a unit and month",
    "Q12_high": "a unit and month", "Q16b": "cost a unit and month", "Q10_units": "units", "Q10_episodes": "episodes",
    "P15": "s", "P16": "points a second", "P16b": "points a second",
    "L1": "messages a day", "L3": "messages", "L3b": "summaries", "L4": "points",
    "L5": "s", "L6b": "notices", "L6c": "notices",
    "R3": "messages lost or doubled", "R3b": "messages a second", "R4": "s",
    "P2": "ms", "P2b": "ms", "P8": "ms", "P8b": "ms", "P8c": "s", "P9": "batches", "R6": "failed requests", "R6b": "s",
}  # fmt: skip  # all others are fractions from 0 to 1


def record(path: Path, figures: Mapping[str, float], command: str) -> None:
    """Replace the rows of ``figures`` by id, keep all others, and write the table anew."""
    rows = {row["id"]: row for row in json.loads(path.read_text())} if path.exists() else {}
    for name, value in figures.items():
        rows[name] = {
            "id": name,
            "value": float(f"{value:.4g}"),
            "unit": UNITS.get(name) or UNITS.get(name.split("@")[0], "fraction"),
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
        }
    ordered = [rows[name] for name in sorted(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ordered, indent=1) + "\n")
    path.with_suffix(".md").write_text(_as_markdown(ordered))


def machine() -> str:
    """What counts of the machine, without its name."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


def _as_markdown(rows: list[dict[str, object]]) -> str:
    head = "# What was measured\n\nMade from `measured.json`; each figure by the command beside it.\n\n"
    lines = ["| id | value | unit | command | date | machine |", "|---|---|---|---|---|---|"]
    keys = ("id", "value", "unit", "command", "date", "machine")
    lines += ["| " + " | ".join(f"`{row[k]}`" if k == "command" else str(row[k]) for k in keys) + " |" for row in rows]
    return head + "\n".join(lines) + "\n"
