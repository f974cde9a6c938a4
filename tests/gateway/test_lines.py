"""Who asks while a line is just opening gets one of his own, as long as there may be more."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from scripted import request, scripted, usual

from gateway.upstream import Exchange, Lines


async def test_who_asks_between_a_lines_opening_and_its_attempts_end_is_not_forgotten():
    loop, opened, answers = asyncio.get_running_loop(), asyncio.Event(), []
    with scripted(says=lambda n: [5.0] if n == 1 else [usual(b"{}")]) as server:
        host, port = server.url.removeprefix("http://").split(":")

        async def connect(line):
            await loop.create_connection(line, host, int(port))
            opened.set()
            await asyncio.sleep(0.05)

        lines = Lines(connect, most=2)
        first, second = (Exchange(request(b"X-Request-ID: %b\r\n" % i), i, answers.append) for i in (b"1", b"2"))
        lines.ask(first)
        await opened.wait()
        lines.ask(second)
        async with asyncio.timeout(3):
            while not answers:
                await asyncio.sleep(0.01)
        lines.withdraw(first)
        lines.close()
        await asyncio.sleep(0.01)  # in which they do
    assert answers[0].status == 200
