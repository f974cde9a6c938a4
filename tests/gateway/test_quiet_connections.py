"""A quiet connection is closed in time, but not before what was sent on it is read."""

import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scripted import request

from gateway.shortway import ShortProtocol

KEPT_S, BUSY_S, NUISANCE = 0.3, 0.8, b"wait"
ASKED = pytest.mark.parametrize("asked", [request(), b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["short", "long"])


@pytest.fixture
def connect(gateway, monkeypatch):
    """Makes connections that are kept for less than a second; a word of NUISANCE keeps the loop busy for longer."""
    assert gateway.get("/auth").status_code == 204
    met, heard = ShortProtocol.connection_made, ShortProtocol.data_received

    def made(self, transport):
        self.timeout_keep_alive = KEPT_S
        met(self, transport)

    def received(self, data):
        if data == NUISANCE:
            time.sleep(BUSY_S)
        else:
            heard(self, data)

    monkeypatch.setattr(ShortProtocol, "connection_made", made)
    monkeypatch.setattr(ShortProtocol, "data_received", received)
    address = urlsplit(str(gateway.base_url))
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))


def answered(connection):
    return connection.recv(65536).startswith(b"HTTP/1.1 ")


@ASKED
def test_it_is_closed_when_nothing_comes(connect, asked):
    connection = connect()
    connection.sendall(asked)
    assert answered(connection)
    began = time.monotonic()
    assert connection.recv(1) == b""
    assert time.monotonic() - began > KEPT_S / 2


@ASKED
def test_what_came_while_the_loop_was_busy_is_answered_first(connect, asked):
    connection, other = connect(), connect()
    connection.sendall(asked)
    assert answered(connection)
    other.sendall(NUISANCE)
    time.sleep(KEPT_S / 3)  # the loop is busy by now
    connection.sendall(asked)
    assert answered(connection)
