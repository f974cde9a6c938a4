"""A server whose service time is known, so that what the suites say of it can be checked: ``python -m loadtests.stub``.

Answers every POST as an inference, after ``--service-ms``; from ``--freeze-at`` seconds after the first request it
stands still for ``--freeze-s``. With ``--spread`` service times are drawn log-normally around their median.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from dataclasses import dataclass, field

ANSWER = b'{"outputs":[]}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Stub:
    """``frozen`` is when it stands still: from and until, in seconds after the first request."""

    service_s: float = 0.0
    spread: float = 0.0
    frozen: tuple[float, float] = (0.0, 0.0)
    first: float | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - service times

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                await asyncio.sleep(self.takes_s(asyncio.get_running_loop().time()))
                writer.write(REPLY)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def takes_s(self, now: float) -> float:
        """How long a request that came now has to wait."""
        self.first = now if self.first is None else self.first
        since = now - self.first
        rest = self.frozen[1] - since if self.frozen[0] <= since < self.frozen[1] else 0.0
        return rest + self.service_s * self.dice.lognormvariate(0.0, self.spread)


async def main() -> None:
    """Prints its port, then serves until it is stopped."""
    options = argparse.ArgumentParser(prog="python -m loadtests.stub", description=__doc__)
    options.add_argument("--service-ms", type=float, default=0.0)
    options.add_argument("--spread", type=float, default=0.0, help="sigma of the logarithm (%(default)s)")
    options.add_argument("--freeze-at", type=float, default=0.0)
    options.add_argument("--freeze-s", type=float, default=0.0)
    asked = options.parse_args()
    stub = Stub(asked.service_ms / 1000, asked.spread, (asked.freeze_at, asked.freeze_at + asked.freeze_s))
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
