"""P2: ``python -m loadtests.diagnosed`` asks servers of its own about windows by schedule, into docs/measured.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bentos.registry import publish, set_current
from loadtests.servers import Starter
from loadtests.suites import NoVerdictError, run
from loadtests.verdict import EXIT, said
from training.measured import record

COMMAND = "python -m loadtests.diagnosed"


def main() -> int:
    """Exit 0 where P2 is reached, 1 where it is not, 2 where the run says nothing and nothing is written."""
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--artifact", type=Path, help="a fault model to ask, where not the one that is released")
    asked, more = options.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="diagnosed") as folder:
        try:
            found = _asked(Path(folder), asked.artifact, more)
        except NoVerdictError as broken:
            print(broken)
            return EXIT["void"]
    print("\n".join(said(found)))
    if found["verdict"] != "void" and not more:
        command = f"{COMMAND} --artifact {asked.artifact}" if asked.artifact else COMMAND
        record(Path("docs/measured.json"), figures(found), command)
    return EXIT[found["verdict"]]


def figures(found: dict[str, Any]) -> dict[str, float]:
    """Of a run's calls, from when each was due."""
    call = next(call for call in found["calls"] if call["verdict"])
    return {"P2@fault": call["p95_ms"], "P2b@fault": call["p99_ms"]}


def _asked(folder: Path, artifact: Path | None, more: list[str]) -> dict[str, Any]:
    with ExitStack() as stack:
        start = Starter(folder, stack)
        if artifact:
            models = folder / "data" / "models"
            models.mkdir(mode=0o700, parents=True)
            set_current(models, "fault", publish(models, artifact).name)
        inference = start.inference()
        gateway = start.gateway(FOREWATT_INFERENCE_URL=inference.url, FOREWATT_RATE_LIMIT="off")
        key = gateway.right["X-API-Key"]
        return run(
            "window", "short", "--host", gateway.url, "--metrics-url", f"{inference.url}/metrics", *more, key=key
        )


if __name__ == "__main__":
    sys.exit(main())
