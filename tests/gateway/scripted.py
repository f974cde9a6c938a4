"""An inference server that says on each connection exactly the bytes that a test wants, and notes what it hears."""

import re
import select
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ID = re.compile(rb"\r\nx-request-id: *(\S+)", re.IGNORECASE)
CLOSE = None
PATH = "/v2/models/load/infer"


def request(more: bytes = b"", body: bytes = b"{}", path: bytes = PATH.encode()) -> bytes:
    """An inference as a client writes it."""
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b\r\n%b" % (path, len(body), more, body)


def usual(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    """An answer as the inference server writes it; ID stands for the request's id."""
    head = b"HTTP/1.1 %b\r\ndate: Sun, 22 Nov 2026 05:13:50 GMT\r\ncontent-type: application/json\r\n" % status
    return b"%bcontent-length: %d\r\n%bx-request-id: ID\r\n\r\n%b" % (head, len(body), more, body)


@dataclass
class Scripted:
    """``says`` gives for each request what is sent: bytes, seconds to wait, or CLOSE."""

    says: Callable[[int], list[bytes | float | None]] = lambda _: [usual(b"{}")]
    heard: list[tuple[int, bytes, bytes]] = field(default_factory=list)  # connection, head, body
    connections: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def serve(self, line) -> None:
        number = self.connections = self.connections + 1
        file = line.makefile("rb")
        while head := b"".join(iter(lambda: file.readline().strip(b"\r\n") + b"\r\n", b"\r\n")):
            found = LENGTH.search(b"\r\n" + head)
            self.heard.append((number, head, file.read(int(found[1])) if found else b""))
            for piece in self.says(len(self.heard)):
                if piece is CLOSE:
                    return
                if isinstance(piece, float):
                    if select.select([line], [], [], piece)[0] and not line.recv(1):
                        self.hung_up.set()
                        return
                else:
                    line.sendall(piece.replace(b"ID", ID.search(b"\r\n" + head)[1]))


@contextmanager
def scripted(**script) -> Iterator[Scripted]:
    """On a free port of this host."""
    found = Scripted(**script)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                found.serve(self.request)
            except OSError:
                found.hung_up.set()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
