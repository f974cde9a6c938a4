"""`python -m gateway.doctor`: what is wrong with this machine, and what to do about it; it changes nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pydantic import ValidationError

from gateway import symptoms
from gateway.settings import Settings, complaints
from gateway.symptoms import Finding


def main(words: Sequence[str] | None = None) -> int:
    """1 where something has failed, else 0."""
    asked = _arguments().parse_args(words)
    failed, found = False, []
    for finding in findings():
        failed = failed or finding.state == "fail"
        found.append(asdict(finding))
        if not asked.json:
            sys.stdout.write(_line(finding))
            sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return int(failed)


def findings() -> Iterator[Finding]:
    """All that can be looked at; with settings that cannot be read, no more than the machine."""
    yield from symptoms.machine()
    yield from symptoms.clock()
    try:
        settings = Settings()
    except ValidationError as wrong:
        for line in complaints(wrong).splitlines():
            name, _, rest = line.partition(": ")
            yield Finding("settings", "fail", name, rest)
        return
    for look in (symptoms.folder, symptoms.servers, symptoms.database):
        yield from look(settings)
    yield from symptoms.broker()


def _line(finding: Finding) -> str:
    remedy = f" – {finding.remedy}" if finding.remedy else ""
    return f"{finding.state:4}  {finding.subject}: {finding.says}{remedy}\n"


def _arguments() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="python -m gateway.doctor", description=__doc__)
    words.add_argument("--json", action="store_true", help="for machines: a list of findings")
    return words


if __name__ == "__main__":
    sys.exit(main())
