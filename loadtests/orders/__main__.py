"""P10, P11 and A07: ``python -m loadtests.orders`` orders months from servers of its own, into docs/measured.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from loadtests.orders.measure import acknowledged, embedded, fits_a_minute, month_s, plain_computing
from loadtests.slo import STEADY_S, VoidError
from training.measured import record

COMMAND = "python -m loadtests.orders"
MONTHS, FITS, ROUNDS = 60, 6, 3


def main() -> int:
    """Exit 0, or 2 where a run is void; figures of short runs are printed and not written."""
    asked = _options().parse_args()
    try:
        figures = _orders(asked.seconds) | ({} if asked.no_workers else _workers())
    except VoidError as why:
        print(f"void: {why}")
        return 2
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if asked.seconds >= STEADY_S:
        record(Path("docs/measured.json"), figures, COMMAND)
    return 0


def _orders(seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="orders") as folder, embedded(Path(folder)) as house:
        month = month_s(house, MONTHS)
        return {"P11": month, **acknowledged(house, seconds)}


def _workers() -> dict[str, float]:
    """Ratios of neighbours in time, so that a slow minute of the machine hits both: of fits, and of plain computing,
    which is all that two cores can give here.
    """
    ratios, possible = [], []
    for _ in range(ROUNDS):
        rates = []
        for workers in (1, 2):
            with tempfile.TemporaryDirectory(prefix="fits") as folder:
                rates.append(fits_a_minute(Path(folder), workers, FITS))
        print(f"one worker {rates[0]:.1f} fits a minute, two {rates[1]:.1f}", flush=True)
        ratios.append(rates[1] / rates[0])
        possible.append(plain_computing(2) / plain_computing(1))
        print(f"twice the workers {ratios[-1]:.2f}, twice the plain computing {possible[-1]:.2f}", flush=True)
    return {"A07": median(ratios), "A07@machine": median(possible)}


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--seconds", type=float, default=float(STEADY_S), help="of orders by schedule (%(default)s)")
    options.add_argument("--no-workers", action="store_true", help="leave out one worker against two")
    return options


if __name__ == "__main__":
    sys.exit(main())
