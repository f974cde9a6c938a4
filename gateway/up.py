"""`python -m gateway.up`: the inference server and the gateway side by side. Ctrl-C or the end of one ends both.

Each server is a session of its own, so that Ctrl-C in a terminal reaches this process alone, which then stops them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

COMMANDS = (
    ("bentoml", "serve", "--host", "127.0.0.1", "--port", os.environ.get("FOREWATT_INFERENCE_PORT", "3000")),
    (sys.executable, "-m", "gateway"),
)
PATIENCE_S = 30
INTERRUPTED = 128 + signal.SIGINT


async def main() -> int:
    """What the server that ended first said; 130 where both were asked to stop."""
    stopped = asyncio.Event()
    for asked in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(asked, stopped.set)
    # Both are on this host, and a Unix socket is the shorter way between them.
    data = Path(os.environ.get("FOREWATT_DATA", ".forewatt"))
    os.environ.setdefault("FOREWATT_INFERENCE_SOCKET", str(data.resolve() / "inference.sock"))
    servers = [await asyncio.create_subprocess_exec(*command, start_new_session=True) for command in COMMANDS]
    sys.stdout.write(f"{len(servers)} servers started; ready in some seconds\n")
    sys.stdout.flush()
    asking = asyncio.create_task(stopped.wait())
    ends = [asyncio.create_task(server.wait()) for server in servers]
    ended, _ = await asyncio.wait([asking, *ends], return_when=asyncio.FIRST_COMPLETED)
    for stop in (signal.SIGTERM, signal.SIGKILL):
        for server in servers:
            if server.returncode is None:
                os.killpg(server.pid, stop)
        await asyncio.wait(ends, timeout=PATIENCE_S)
    return INTERRUPTED if asking in ended else ended.pop().result()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
