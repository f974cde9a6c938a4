"""A generated series for a first question and for golden ones: simulated, three years, no real place.

``python -m bentos.load.sample FILE`` writes it as the CSV that /api/predict reads.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from datetime import date, timedelta
from pathlib import Path

FIRST, LAST = date(2021, 5, 1), date(2024, 4, 30)
COLUMNS = ("date", "temperature", "humidity", "rainfall", "load")
WEEK = (1.0, 1.02, 1.02, 1.01, 0.99, 0.88, 0.83)


def sample_series() -> list[dict[str, str | float]]:
    """A row a day: °C, %, mm and MW. A town with cold winters, warm summers and slow growth."""
    dice = random.Random(2024)  # noqa: S311 - weather, not secrets
    rows: list[dict[str, str | float]] = []
    swing = 0.0
    for n in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        swing = 0.75 * swing + dice.gauss(0, 2.2)
        season = math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365.25)
        air = 13 - 11 * season + swing
        rain = max(0.0, dice.gauss(-4, 6))
        need = 1 + 0.012 * max(0, 15 - air) + 0.018 * max(0, air - 22)
        load = 900 * WEEK[day.weekday()] * need * 1.015 ** (n / 365.25) * (1 + dice.gauss(0, 0.012))
        humid = min(98.0, max(25.0, 68 + 12 * season + 2 * rain + dice.gauss(0, 6)))
        values = (round(air, 1), round(humid, 1), round(rain, 1), round(load, 2))
        rows.append({"date": day.isoformat(), **dict(zip(COLUMNS[1:], values, strict=True))})
    return rows


def write_sample(path: Path) -> None:
    """As CSV, unless a file stands there already: it may be the user's own."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with path.open("x", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(sample_series())


if __name__ == "__main__":
    write_sample(Path(sys.argv[1]))
