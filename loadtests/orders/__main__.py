"""P10, P11 and A07: ``python -m loadtests.orders`` orders months from servers of its own, into docs/measured.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from loadtests.orders.measure import (
    FITTED,
    acknowledged,
    embedded,
    month_s,
    months_a_minute,
    months_back,
    plain_computing,
)
from loadtests.slo import STEADY_S, VoidError
from training.measured import record

COMMAND = "python -m loadtests.orders"
MONTHS, ROUNDS = 60, 3
HEAPS = {"A07": months_back(6), "A07@months": [FITTED] * 90}  # each of a model of its own, and all of one


def main() -> int:
    """Exit 0, or 2 where a run is void; figures of short runs are printed and not written."""
    asked = _options().parse_args()
    try:
        figures = {} if asked.only == "workers" else _orders(asked.seconds)
        figures |= {} if asked.only == "orders" else _workers()
    except VoidError as why:
        print(f"void: {why}")
        return 2
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if asked.seconds >= STEADY_S:
        record(Path("docs/measured.json"), figures, f"{COMMAND} --only {asked.only}" if asked.only else COMMAND)
    return 0


def _orders(seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="orders") as folder, embedded(Path(folder)) as house:
        month = month_s(house, MONTHS)
        return {"P11": month, **acknowledged(house, seconds)}


def _workers() -> dict[str, float]:
    """Ratios of neighbours in time, so that a slow minute of the machine hits both: of months, and of plain computing,
    which is all that two cores can give here.
    """
    ratios: dict[str, list[float]] = {name: [] for name in (*HEAPS, "A07@machine")}
    for _ in range(ROUNDS):
        for name, heap in HEAPS.items():
            rates = []
            for workers in (1, 2):
                with tempfile.TemporaryDirectory(prefix="months") as folder:
                    rates.append(months_a_minute(Path(folder), workers, heap))
            print(f"{name}: one worker {rates[0]:.1f} months a minute, two {rates[1]:.1f}", flush=True)
            ratios[name].append(rates[1] / rates[0])
        ratios["A07@machine"].append(plain_computing(2) / plain_computing(1))
    print("\n".join(f"{name}: {', '.join(f'{ratio:.2f}' for ratio in found)}" for name, found in ratios.items()))
    return {name: median(found) for name, found in ratios.items()}


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--seconds", type=float, default=float(STEADY_S), help="of orders by schedule (%(default)s)")
    options.add_argument("--only", choices=("orders", "workers"), help="leave out one worker against two, or all else")
    return options


if __name__ == "__main__":
    sys.exit(main())
