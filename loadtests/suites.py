"""A suite run to its end in a process of its own, as Locust wants it, and what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from loadtests.rights import API_KEY

LOCUST = str(Path(sys.executable).with_name("locust"))
HERE = Path(__file__).parent


class NoVerdictError(Exception):
    """A run ended without one; the text is the end of what it said."""


def run(suite: str, profile: str, *options: str, out: Path | None = None, key: str = "") -> dict[str, Any]:
    """The run's figures and verdict, as its run.json has them. Reports go to ``out``, or are not kept.

    ``key`` lets the callers in, where neither the environment's nor this machine's own does.
    """
    with TemporaryDirectory() as nowhere:
        folder = out or Path(nowhere)
        before = set(folder.glob("*/run.json"))
        quiet = ["--headless", "--only-summary", "--loglevel", "ERROR", "--out", str(folder)]
        command = [LOCUST, "-f", str(HERE / f"{suite}.py"), "--profile", profile, *quiet, *options]
        shown = os.environ | ({API_KEY: key} if key else {})
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=shown, check=False)  # noqa: S603
        written = set(folder.glob("*/run.json")) - before
        if len(written) != 1:
            raise NoVerdictError(f"{suite}.{profile}, exit code {ended.returncode}: {ended.stdout.decode()[-1000:]}")
        found: dict[str, Any] = json.loads(written.pop().read_text())
        return found
