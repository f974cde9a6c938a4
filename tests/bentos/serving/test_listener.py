"""The second door: made for this user alone, in place of what a killed server left, and of nothing else.

Both doors are wide.
"""

import asyncio
import os
import socket
import stat

import pytest
import uvicorn
import uvloop

from bentos.serving.listener import AT_ONCE, LONGEST, Server, bound


def test_it_is_this_users_alone_and_replaces_what_a_killed_server_left(tmp_path):
    path = tmp_path / "s"
    for _ in range(2):  # the second time the file is there, and nobody behind it
        with bound(path) as door:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert door.getsockname() == str(path)


def test_a_socket_that_is_answered_and_a_file_that_is_none_are_left_alone(tmp_path, caplog):
    path, file = tmp_path / "s", tmp_path / "file"
    file.write_text("mine")
    with bound(path) as door:
        door.listen()
        assert bound(path) is None
        assert bound(file) is None
        assert path.exists()
    assert file.read_text() == "mine"
    assert "another server answers there" in caplog.text
    assert "is no socket" in caplog.text


@pytest.mark.parametrize("missing", ["x" * LONGEST, "no folder/s"])
def test_where_there_can_be_none_the_log_says_so(tmp_path, caplog, missing):
    assert bound(tmp_path / missing) is None
    assert "only the port is" in caplog.text
    assert ("Set a shorter path" in caplog.text) == (len(os.fsencode(tmp_path / missing)) > LONGEST)


def test_the_longest_path_works(tmp_path):
    path = tmp_path / ("x" * (LONGEST - len(os.fsencode(tmp_path)) - 1))
    with bound(path) as door, socket.socket(socket.AF_UNIX) as caller:
        door.listen()
        caller.connect(str(path))


async def let_in(handles, address, callers):
    """In which turn of the loop each of so many callers came in who stood before the door already."""
    loop, entered, turn = asyncio.get_running_loop(), [], 0

    class Entering(asyncio.Protocol):
        def connection_made(self, transport):
            entered.append(turn)
            transport.abort()

    doors = [await loop.create_server(Entering, sock=handle) for handle in handles]
    waiting = [socket.create_connection(address) for _ in range(callers)]
    for turn in range(10 * callers):  # noqa: B007 - who comes in looks at it
        await asyncio.sleep(0)
    for one in [*waiting, *doors]:
        one.close()
    return entered


def test_many_callers_come_in_within_a_turn_of_the_loop(monkeypatch):
    callers, handles = 4 * AT_ONCE, []
    monkeypatch.setattr(uvicorn.Server, "run", lambda _, sockets: handles.extend(sockets))
    with socket.create_server(("127.0.0.1", 0), backlog=callers) as door:
        Server(uvicorn.Config("app")).run([door])
        entered = uvloop.run(let_in(handles, door.getsockname(), callers))
    assert len(entered) == callers
    assert len(set(entered)) <= callers / AT_ONCE + 1
