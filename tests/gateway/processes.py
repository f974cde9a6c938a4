"""`python -m gateway` as a process of its own: how it is started, and with which environment."""

import os
import sys
from pathlib import Path

START = [sys.executable, "-m", "gateway"]
ROOT = Path(__file__).parents[2]


def environment(**knobs: object) -> dict[str, str]:
    """Only what the process needs, and these knobs."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "PYTHONDONTWRITEBYTECODE")}
    return kept | {"PYTHONPATH": str(ROOT)} | {f"FOREWATT_{k}": str(v) for k, v in knobs.items()}
