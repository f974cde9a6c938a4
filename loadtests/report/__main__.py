"""Make a run's report anew: ``python -m loadtests.report RUN.json``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from loadtests.report.page import render


def main() -> int:
    """Exit 0."""
    options = argparse.ArgumentParser(prog="python -m loadtests.report", description=__doc__)
    options.add_argument("run", type=Path, metavar="RUN.json")
    path: Path = options.parse_args().run
    print(render(json.loads(path.read_text(encoding="utf-8")), path.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
