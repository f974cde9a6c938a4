"""Do the suites see what is there? ``python -m loadtests.canaries`` asks them about stubs that are known.

A server that froze must be seen, 30 % more service time must be red, the same service time green every time, and a
generator that cannot keep up must void its run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from loadtests.suites import run

SERVICE_MS, SLOWER = 100.0, 1.3
TRIES = 3  # a void run says nothing and is made again
FREEZE_S, FREEZE_AT, SEEN_MS = 6.0, 12.0, 2000.0


def main() -> int:
    """0 where all of them sing, else 1."""
    options = argparse.ArgumentParser(prog="python -m loadtests.canaries", description=__doc__)
    options.add_argument("--times", type=int, default=20, help="of the same and of the slower server (%(default)s)")
    times = options.parse_args().times
    found = {
        f"frozen for {FREEZE_S:g} s of 30: p90 ≥ {SEEN_MS:g} ms": [frozen()],
        "a generator that cannot keep up: void": [_run("saturation", [])["verdict"] == "void"],
        "the same service time: green": [verdict(SERVICE_MS) == "green" for _ in range(times)],
        f"{SLOWER:g} × the service time: red": [verdict(SLOWER * SERVICE_MS) == "red" for _ in range(times)],
    }
    for what, seen in found.items():
        print(f"{what}: {sum(seen)} of {len(seen)}", flush=True)
    return 0 if all(all(seen) for seen in found.values()) else 1


def frozen() -> bool:
    """Whether the suite says how long callers waited, though hardly any was under way when the server froze."""
    seen = _run("freeze", ["--freeze-at", str(FREEZE_AT), "--freeze-s", str(FREEZE_S)])
    p90_ms: float = seen["calls"][0]["p90_ms"]
    print(f"p90 {p90_ms:.0f} ms, {seen['verdict']}", flush=True)
    return p90_ms >= SEEN_MS and seen["verdict"] == "red"


def verdict(service_ms: float) -> str:
    """Of a run against a stub that takes so long for each answer."""
    for _ in range(TRIES):
        seen = _run("regression", ["--service-ms", str(service_ms)])
        if seen["verdict"] != "void":
            break
        print(f"void: {'; '.join(seen['void'])}", flush=True)
    said: str = seen["verdict"]
    return said


def _run(profile: str, stub: Sequence[str]) -> dict[str, Any]:
    with stubbed(stub) as url:
        return run("infer", profile, "--host", url, "--metrics-url", "", "--unofficial")


@contextmanager
def stubbed(options: Sequence[str]) -> Iterator[str]:
    """The address of a stub that is gone afterwards."""
    command = [sys.executable, "-m", "loadtests.stub", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stub:  # noqa: S603
        try:
            yield f"http://127.0.0.1:{int(stub.stdout.readline())}"  # type: ignore[union-attr] # it is piped
        finally:
            stub.terminate()


if __name__ == "__main__":
    sys.exit(main())
