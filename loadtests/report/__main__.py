"""Make a run's report anew, or say whether two runs differ.

``python -m loadtests.report RUN.json`` writes report.html and report.md beside the file.
``python -m loadtests.report compare A.json B.json [--out DIR] [--anyway]`` writes compare.html, .md and .json, and ends
with 0 where B is no worse than A, 1 where it is, and 2 where that cannot be said.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtests.report.difference import Comparison, compare
from loadtests.report.page import render
from loadtests.report.side_by_side import answer, sentence, write
from loadtests.report.words import label

EXIT = {"no worse": 0, "worse": 1, "cannot say": 2}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; 2 also where a file is no run file."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _compare(given[1:]) if given[:1] == ["compare"] else _render(given)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        print(f"no run file: {type(failure).__name__}: {failure}", file=sys.stderr)
        return 2


def _render(given: Sequence[str]) -> int:
    form = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(prog="python -m loadtests.report", description=__doc__, formatter_class=form)
    options.add_argument("run", type=Path, metavar="RUN.json")
    path: Path = options.parse_args(given).run
    print(render(_read(path), path.parent))
    return 0


def _compare(given: Sequence[str]) -> int:
    options = argparse.ArgumentParser(prog="python -m loadtests.report compare", description="Is B worse than A?")
    options.add_argument("a", type=Path, metavar="A.json")
    options.add_argument("b", type=Path, metavar="B.json")
    options.add_argument("--out", type=Path, help="the folder to write into (B's)")
    options.add_argument("--anyway", action="store_true", help="compare also what should not be compared, and say so")
    asked = options.parse_args(given)
    found = compare(_read(asked.a), _read(asked.b), anyway=asked.anyway)
    page = write(found, asked.out or asked.b.parent)
    print("\n".join(_said(found)), f"  report: {page}", sep="\n")
    return EXIT[found.verdict]


def _said(found: Comparison) -> list[str]:
    """For a terminal."""
    lines = [f"{found.verdict.upper()}: {sentence(found)}"]
    lines += [f"  {'in spite of: ' * bool(found.differences)}{objection}" for objection in found.objections]
    return lines + [f"  {label(one.name):<20}{answer(one)}" for one in found.differences]


def _read(path: Path) -> dict[str, Any]:
    run = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(run, dict):
        raise TypeError(f"{path} holds no run")
    return run


if __name__ == "__main__":
    sys.exit(main())
