"""Those who are told, on loopback: a webhook that notes what came, and a port that takes calls and never answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import Engine, delete

from gateway import store
from gateway.channels.tables import Channel
from loadtests.servers import answering

HOST = "127.0.0.1"
TAKEN = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"  # at once: what passes until we hear it is not the sink's


@dataclass
class Web:
    """What came, each with the moment on the monotonic clock."""

    url: str = ""
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def told_of(self, unit: str) -> float | None:
        """When something of this unit came first."""
        return next((at for at, event in self.events if event["data"]["unit_id"] == unit), None)


@contextmanager
def web() -> Iterator[Web]:
    """It has taken a notice when it has read it, before it answers."""
    sink = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            event = json.loads(body)
            sink.events.append((time.monotonic(), event))
            self.wfile.write(TAKEN)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    sink.url = f"http://{HOST}:{server.server_port}"
    with answering(server):
        yield sink


@contextmanager
def deaf() -> Iterator[int]:
    """A port on which calls are taken by the system and by nobody else."""
    with socket.create_server((HOST, 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        yield port


def keep(database: Engine, *channels: Channel) -> None:
    """As the routes do."""
    with store.transaction(database) as session:
        session.add_all(channels)


def drop(database: Engine, *channels: Channel) -> None:
    """Nobody is told by these any more."""
    with store.transaction(database) as session:
        session.execute(delete(Channel).where(Channel.id.in_([channel.id for channel in channels])))
