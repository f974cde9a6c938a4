"""PostgreSQL and MariaDB for a test, which is skipped with how to get one where it is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loadtests import databases
from loadtests.databases import Server
from loadtests.servers import free_port

__all__ = ["Server", "free_port", "mariadb", "postgresql"]


@contextmanager
def postgresql() -> Iterator[Server]:
    try:
        with databases.postgresql() as server:
            yield server
    except databases.MissingError as missing:
        pytest.skip(str(missing))


@contextmanager
def mariadb(*options: str) -> Iterator[Server]:
    try:
        with databases.mariadb(*options) as server:
            yield server
    except databases.MissingError as missing:
        pytest.skip(str(missing))
