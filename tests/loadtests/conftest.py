"""A server on loopback that answers at once, rejects, freezes or keeps silent, as told."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy"


@dataclass
class Stub:
    """``frozen`` is when it stands still, in seconds after the first request; bodies of ``reject`` get a 503."""

    frozen: tuple[float, float] = (0.0, 0.0)
    reject: bytes = b"none"
    silent: bool = False
    delay_s: float = 0.0
    url: str = ""
    heads: list[bytes] = field(default_factory=list)
    hung_up: int = 0
    began: float | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await self.answer(await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up += 1
        finally:
            writer.close()

    async def answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        first, last = self.frozen
        self.began = self.began or time.monotonic()
        if first <= (now := time.monotonic() - self.began) < last:
            await asyncio.sleep(last - now)
        await asyncio.sleep(self.delay_s)
        if not self.silent:
            writer.write(BUSY if body == self.reject else OK % (len(body), body))


@pytest.fixture
async def serve():
    """Starts stubs; gives a function that takes what a ``Stub`` takes."""
    servers = []

    async def start(**behaviour) -> Stub:
        stub = Stub(**behaviour)
        servers.append(await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=1024))
        stub.url = f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}/infer"
        return stub

    yield start
    for server in servers:
        server.close()
    await asyncio.sleep(0)  # let the connections see their end
