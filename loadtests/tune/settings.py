"""What is tuned: the inference server's settings that decide how batches are made and computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Settings:
    """The fields without values are the server's defaults; docs/settings.md says what they mean."""

    batch_rows: int = 64
    linger_ms: float = math.inf
    model_threads: int = 1

    def environment(self) -> dict[str, str]:
        """As the server reads them."""
        return {f"FOREWATT_{name.upper()}": f"{value:g}" for name, value in vars(self).items()}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in vars(self).items())


DEFAULT = Settings()
FEWEST_ROWS, MOST_ROWS = 1, 4096


def coarse(cores: int) -> dict[str, list[Settings]]:
    """By field, the default with another value there: a quarter and four times the rows, no lingering, more threads."""
    threads = [2**power for power in range(1, cores.bit_length()) if 2**power <= cores]
    return {
        "batch_rows": [replace(DEFAULT, batch_rows=rows) for rows in (DEFAULT.batch_rows // 4, DEFAULT.batch_rows * 4)],
        "linger_ms": [replace(DEFAULT, linger_ms=0.0)],
        "model_threads": [replace(DEFAULT, model_threads=count) for count in threads],
    }


def fine(best: Settings) -> list[Settings]:
    """The best values together, and with half and twice the rows."""
    rows = (best.batch_rows, best.batch_rows // 2, best.batch_rows * 2)
    return [replace(best, batch_rows=count) for count in rows if FEWEST_ROWS <= count <= MOST_ROWS]
