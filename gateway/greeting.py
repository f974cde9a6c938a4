"""`python -m gateway.greeting [parent]`: wait until all answer, then say where and how to ask; no longer than the
parent process lives, which starts the servers.
"""

from __future__ import annotations

import os
import shlex
import sys
import time

import httpx
from pydantic import ValidationError

from gateway import localkey
from gateway.settings import Settings

PATIENCE_S = 120

WELCOME = """
Forewatt answers.
  gateway           {gateway}  (its interface: {gateway}/openapi.json)
  inference server  {inference}

A month of daily load and its ten peak days, from the generated series in {uploads}:

  curl -s {gateway}/api/predict -H "X-API-Key: $(cat {key})" \
    -H 'Content-Type: application/json' -d '{{"new_data_path": "/uploads/power_data.csv"}}'

Ctrl-C stops all of it.
"""


def main() -> int:
    """1 where nothing was ready in two minutes, 2 for a bad configuration, 0 where it was stopped before."""
    parent = int(sys.argv[1]) if sys.argv[1:] else os.getppid()
    try:
        settings = Settings()
    except ValidationError:
        return 2  # the gateway itself says why
    gateway = f"http://{settings.host}:{settings.port}"
    if not _ready(f"{gateway}/readyz", parent):
        if os.getppid() != parent:
            return 0  # what it waited for is gone, and has said why
        sys.stderr.write(f"Not ready after {PATIENCE_S} s. Look above for why; is another program on the port?\n")
        return 1
    inference = str(settings.inference_url).rstrip("/")
    key = shlex.quote(str(settings.data / localkey.NAME))
    sys.stdout.write(WELCOME.format(gateway=gateway, inference=inference, uploads=settings.uploads, key=key))
    if not settings.keeps_key:
        sys.stdout.write("FOREWATT_LOCAL_KEY is off, so that the command needs a key of yours: X-API-Key: <key>\n")
    return 0


def _ready(url: str, parent: int) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and os.getppid() == parent:
        try:
            if httpx.get(url, timeout=3, trust_env=False).status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    sys.exit(main())
