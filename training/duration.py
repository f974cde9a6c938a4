"""How long a caller waits for a model of his own: whole processes on one core, from start to outcome, as a worker
starts them. ``python -m training.duration [--measured docs/measured.json]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from bentos.load.calendar import Region
from training.datasets import Place, open_series
from training.measured import record

NAME = "load-" + "0" * 32
TIMES = 3
COMMAND = "python -m training.duration"
# Three years of days; and all the days of the contest's table, twice as many.
SUBJECTS = {
    "P12": ("vic_elec", Place("Australia/Melbourne", Region("AU", "VIC"))),
    "P12@eecup": ("$FOREWATT_SHARED/data/load_eecup2016_area1", Place("Asia/Shanghai", Region("CN"))),
}


def main() -> int:
    """Measure, print and, where it is asked for, record: the median of three runs in seconds."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--measured", type=Path, help="record the figures in this docs/measured.json")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # of this process, and so of those that it starts
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("FOREWATT_SHARED", "../shared")
    figures = {}
    for name, (source, place) in SUBJECTS.items():
        taken = [_timed(os.path.expandvars(source), place) for _ in range(TIMES)]
        figures[name] = statistics.median(taken)
        print(f"{name}: {figures[name]:.1f} s, the median of {', '.join(f'{s:.1f}' for s in sorted(taken))}")
    if asked.measured:
        record(asked.measured, figures, COMMAND)
    return 0


def _timed(source: str, place: Place) -> float:
    """Seconds of one fit, which must have been kept."""
    with tempfile.TemporaryDirectory() as scratch:
        snapshot = Path(scratch, "snapshot.csv")
        open_series(source, place).days.to_csv(snapshot, index_label="date")
        words = ["--snapshot", str(snapshot), "--out", str(Path(scratch, "out")), "--name", NAME]
        words += ["--timezone", place.timezone, "--country", str(place.region.country)]
        words += ["--subdivision", place.region.subdivision] if place.region.subdivision else []
        env = os.environ | {"FOREWATT_MODELS": str(Path(scratch, "models"))}
        began = perf_counter()
        command = [sys.executable, "-m", "training", "load", *words]
        said = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603
        taken = perf_counter() - began
        outcome = json.loads(said.stdout.splitlines()[-1])
        if not outcome["kept"]:
            raise SystemExit(f"The fit on {source} was not kept: {outcome['reason']}")
        return taken


if __name__ == "__main__":
    sys.exit(main())
