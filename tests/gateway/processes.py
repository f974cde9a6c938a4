"""`python -m gateway` as a process of its own: how it is started, and with which environment."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

START = [sys.executable, "-m", "gateway"]
ROOT = Path(__file__).parents[2]


@contextmanager
def a_process(env, **options):
    """The process, which the test ends; where the test fails, nobody waits for it."""
    with subprocess.Popen(START, env=env, **options) as process:  # noqa: S603
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def environment(**knobs: object) -> dict[str, str]:
    """Only what the process needs, and these knobs."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "PYTHONDONTWRITEBYTECODE")}
    return kept | {"PYTHONPATH": str(ROOT)} | {f"FOREWATT_{k}": str(v) for k, v in knobs.items()}
