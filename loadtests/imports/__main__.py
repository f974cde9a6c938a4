"""P13 and P14: ``python -m loadtests.imports`` sends workbooks and a bomb to a gateway that it starts itself.

P13 and P13b: seconds for 26,280 and for 100,000 rows, the median of the rounds; P13c: MB that gateway and child hold
meanwhile, beyond what the gateway held before. P14: seconds until half a megabyte that would become 512 MiB is refused;
P14b: MiB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from loadtests.imports.books import MEBIBYTE, bomb, table
from loadtests.imports.measure import refused, serving, taken
from loadtests.slo import VoidError
from training.measured import record

COMMAND = "python -m loadtests.imports"
ROWS = (26_280, 100_000)
BOMB_MIB = 512
ROUNDS = 5


def main(words: Sequence[str] | None = None) -> int:
    """Exit 0, or 2 where a run is void; void figures and those of smaller runs are printed and not written."""
    asked = _options().parse_args(words)
    try:
        figures = _figures(asked)
    except VoidError as why:
        print(f"void: {why}")
        return 2
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if asked.measured and _counts(asked):
        record(asked.measured, figures, COMMAND)
    elif asked.measured:
        print(f"{asked.measured} stays as it is: these were not the sizes and rounds that count")
    return 0


def _counts(asked: argparse.Namespace) -> bool:
    return (*asked.rows, asked.bomb_mib) == (*ROWS, BOMB_MIB) and asked.rounds >= ROUNDS


def _figures(asked: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="imports") as name, serving(Path(name)) as gateway:
        folder = Path(name)
        # The bomb goes first: a gateway that has taken tables holds memory in which one bomb more does not show.
        away = refused(gateway, bomb(folder / "bomb.xlsx", asked.bomb_mib), asked.rounds)
        books = [table(folder / f"{days}.xlsx", days) for days in asked.rows]
        few, many = (taken(gateway, book, days, asked.rounds) for book, days in zip(books, asked.rows, strict=True))
    most = max(few.extra_bytes, many.extra_bytes)
    rows = {"P13": few.seconds, "P13b": many.seconds, "P13c": most / 1e6}
    return rows | {"P14": away.seconds, "P14b": away.extra_bytes / MEBIBYTE}


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument(
        "--rows", type=int, nargs=2, default=list(ROWS), metavar="N", help="of the workbooks (%(default)s)"
    )
    options.add_argument("--bomb-mib", type=int, default=BOMB_MIB, help="what the bomb becomes (%(default)s)")
    options.add_argument("--rounds", type=int, default=ROUNDS, help="that are timed, of each (%(default)s)")
    options.add_argument("--measured", type=Path, help="docs/measured.json, to write the figures there")
    return options


if __name__ == "__main__":
    sys.exit(main())
