"""What the process for one Brick model does: the model comes in, its report goes out, and then it ends.

A process of its own, so that a model from outside takes no more than its memory and time, and no answer waits for it.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import cast

from gateway.equipment import brick
from gateway.equipment.account import Account
from gateway.equipment.report import REFUSED, Ids
from gateway.equipment.survey import survey

MEMORY_BYTES = 1024**3
CPU_S = 30


def run(ids: str, prefix: str) -> int:
    """From standard input to standard output: a report, or why there is none."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    try:
        graph = brick.read(sys.stdin.buffer.read())
    except brick.ModelError as why:
        said = {"code": why.code, "message": str(why), "line": why.line}
        sys.stdout.buffer.write(json.dumps(said).encode())
        return REFUSED
    report = Account(survey(graph), cast(Ids, ids), prefix).report()
    sys.stdout.buffer.write(report.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
