"""The doors of a worker: the port that BentoML opens, and a Unix socket for a gateway on the same host.

Both are uvicorn's: the same protocol, and the same order when the server stops.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
from pathlib import Path

import uvicorn

AT_ONCE = 16  # new callers in a turn of the loop
LONGEST = 107  # bytes of a path that the system takes
log = logging.getLogger("forewatt.serving")


class Server(uvicorn.Server):
    """uvicorn's, with a second door at ``path`` if there is one, and wide doors."""

    path: Path | None = None
    _made: os.stat_result | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn; it listens on each socket when everything is loaded."""
        door = bound(self.path) if self.path else None
        self._made = self.path.stat() if self.path and door else None
        doors = [*(sockets or ()), door] if door else sockets
        super().run(doors and [handle for one in doors for handle in _wide(one)])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No new callers; the file goes with its socket, unless another server's is there by now."""
        if self.path and self._made and self.path.exists() and os.path.samestat(self._made, self.path.stat()):
            self.path.unlink()
        await super().shutdown(sockets)


def install(path: Path | None) -> None:
    """Let the worker, which makes its uvicorn later, make one with these doors."""
    Server.path = path
    uvicorn.Server = Server  # type: ignore[misc]


def _wide(door: socket.socket) -> list[socket.socket]:
    """The same door as many times as callers may come in at once.

    libuv lets one in a turn of the loop for each handle. Where a turn is long, as under overload, new callers would
    stand before the door for seconds, in a queue that no deadline knows.
    """
    return [door, *(door.dup() for _ in range(AT_ONCE - 1))]


def bound(path: Path) -> socket.socket | None:
    """The socket, for this user alone and not listening yet; ``None``, and a line in the log, where it cannot be."""
    if (length := len(os.fsencode(path))) > LONGEST:
        log.warning(
            "FOREWATT_INFERENCE_SOCKET has %d bytes and the system takes %d, so that only the port is open. "
            "Set a shorter path, for the gateway too.", length, LONGEST,
        )  # fmt: skip
        return None
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_room(path)
        door.bind(str(path))
        path.chmod(0o600)  # before anyone can connect
    except OSError as failure:
        door.close()
        log.warning("FOREWATT_INFERENCE_SOCKET cannot be opened, so that only the port is: %s: %s", path, failure)
        return None
    return door


def _make_room(path: Path) -> None:
    """Remove what a killed server has left behind. Raises ``OSError`` for anything else that is there."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError("it is there, and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise FileExistsError("another server answers there")
