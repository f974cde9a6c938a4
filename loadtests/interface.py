"""Questions made from the interface's own description, right and wrong ones: ``python -m loadtests.interface``.

Schemathesis asks a gateway of its own; a status that is not documented, another content type or body than documented,
and a crash are failures (S2). Exit 0 without any.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from loadtests.orders.measure import account
from loadtests.servers import Starter
from training.measured import record

CASES = 5000
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
# What a deadline of a millisecond or a server that is busy gives is documented, and no crash.
KNOBS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "502", "503", "504"]
"""


def ask(url: str, key: str, folder: Path, examples: int, seed: int) -> tuple[int, str]:
    """The exit code and what was said, with at most so many examples for each operation of the gateway at ``url``."""
    knobs = folder / "schemathesis.toml"
    knobs.write_text(KNOBS)
    program = Path(sys.executable).with_name("st")
    command = [program, "--config-file", knobs, "--no-color", "run", f"{url}/openapi.json"]
    command += ["--header", f"X-API-Key: {key}", "--checks", ",".join(CHECKS), "--max-examples", examples]
    command += ["--seed", seed, "--continue-on-failure", "--generation-database", "none", "--warnings", "off"]
    words = [str(word) for word in command]
    said = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    return said.returncode, said.stdout + said.stderr


def cases(said: str) -> int:
    """How many questions were asked, by Schemathesis' own count."""
    found = re.search(r"([\d,]+) generated", said)
    return int(found[1].replace(",", "")) if found else 0


def failures(said: str) -> int:
    """How many different failures it found."""
    found = re.search(r"([\d,]+) unique failures?", said)
    return int(found[1].replace(",", "")) if found else 0


def main() -> int:
    """One line beside what Schemathesis says; S2 is written where enough was asked."""
    options = argparse.ArgumentParser(prog="python -m loadtests.interface", description=__doc__)
    options.add_argument("--examples", type=int, default=100, help="for each operation, at most (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="interface") as folder, ExitStack() as stack:
        start = Starter(Path(folder), stack)
        gateway = start.gateway(FOREWATT_INFERENCE_URL=start.inference().url, FOREWATT_RATE_LIMIT="off")
        code, said = ask(gateway.url, account(gateway.url, "tester"), Path(folder), asked.examples, asked.seed)
    print(said)
    print(f"{cases(said)} cases, {failures(said)} failures")
    if cases(said) >= CASES:
        record(Path("docs/measured.json"), {"S2": failures(said)}, "python -m loadtests.interface")
    return code


if __name__ == "__main__":
    sys.exit(main())
