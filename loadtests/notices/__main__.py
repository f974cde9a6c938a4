"""``python -m loadtests.notices``: what people are told in a flood, past a dead channel, by a sender that is killed.

L3: messages about single alerts where a thousand are raised at once; L3b: summaries. L5: seconds until a notice is
delivered by another channel where the first one refuses or hangs, the longest; L5b: share delivered. L6: share of
notices that arrived twice while their sender was killed; L6b: of these without a word about it; L6c: lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtests.notices import calls, kills
from loadtests.slo import VoidError
from training.measured import record

COMMAND = "python -m loadtests.notices"
NOTICES = 10_000


def main(words: Sequence[str] | None = None) -> int:
    """Exit 2 where a run is void, and 1 where something was lost, or told twice without a word about it."""
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--only", default="L3,L5,L6", help="which of them (%(default)s)")
    options.add_argument("--notices", type=int, default=NOTICES, help="of L6 (%(default)s)")
    options.add_argument("--measured", type=Path, help="docs/measured.json, to write the figures there")
    asked = options.parse_args(words)
    parts: dict[str, Callable[[Path], dict[str, float]]] = {
        "L3": calls.in_a_flood,
        "L5": calls.past_a_dead_channel,
        "L6": lambda folder: kills.measured(folder, asked.notices),
    }
    figures: dict[str, float] = {}
    for name in asked.only.split(","):
        try:
            with tempfile.TemporaryDirectory(prefix="notices") as folder:
                figures |= parts[name](Path(folder))
        except VoidError as why:
            print(f"void: {why}")
            return 2
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if asked.measured:
        command = COMMAND if asked.notices == NOTICES else f"{COMMAND} --notices {asked.notices}"
        record(asked.measured, figures, command)
    return 1 if figures.get("L6b") or figures.get("L6c") else 0


if __name__ == "__main__":
    sys.exit(main())
