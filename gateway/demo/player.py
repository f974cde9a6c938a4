"""A story of readings, told again as if it happened now: its stamps move by whole weeks, so that it ends this week."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

WEEK = timedelta(weeks=1)
TIME = "time"


@dataclass(frozen=True)
class Story:
    """Rows by time: the first is the time, the others what each of ``points`` said."""

    points: list[str]
    rows: list[tuple[datetime, list[str]]]
    onset: datetime
    repair: datetime

    @property
    def begin(self) -> datetime:
        """Of its first reading."""
        return self.rows[0][0]

    @property
    def end(self) -> datetime:
        """Of its last."""
        return self.rows[-1][0]

    def table(self, since: datetime, until: datetime) -> bytes:
        """As CSV what was read from ``since`` to before ``until``."""
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow([TIME, *self.points])
        table.writerows([at.isoformat(), *said] for at, said in self.rows if since <= at < until)
        return text.getvalue().encode()


def simulate(fault: str, folder: Path, now: datetime) -> Story:
    """Run the fault laboratory. Raises ``RuntimeError`` with its words where it would not."""
    place = folder / "story.csv"
    words = [sys.executable, "-m", "training", "story", "--fault", fault, "--out", str(place)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The unit could not be simulated: {done.stderr[-2000:]}")
    when = {name: datetime.fromisoformat(said) for name, said in json.loads(done.stdout).items()}
    with place.open(newline="") as file:
        (_, *points), *rows = csv.reader(file)
    last = datetime.fromisoformat(rows[-1][0])
    later = (now.astimezone(UTC) - last) // WEEK * WEEK
    moved = [(datetime.fromisoformat(at) + later, said) for at, *said in rows]
    return Story(points, moved, when["onset"] + later, when["repair"] + later)
