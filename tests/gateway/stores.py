"""Databases of each kind, empty or with our tables; the migrations are run as seldom as it can be."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent))
import servers

from gateway import store

KINDS = ("sqlite", "postgresql", "mariadb")
MIGRATE = store.migrate


@pytest.fixture(scope="session", autouse=True)
def once_migrated(tmp_path_factory) -> Iterator[None]:
    """A new SQLite file begins as a copy of one that all migrations made; then it is migrated as any other."""
    folder = tmp_path_factory.mktemp("migrated")
    template = store.connect(f"sqlite:///{folder / 'x.db'}")
    MIGRATE(template)
    template.dispose()

    def migrate(database: Engine) -> None:
        if database.url.get_backend_name() == "sqlite" and not Path(database.url.database).exists():
            copied = Path(f"{database.url.database}.{uuid4().hex}")
            with suppress(OSError):  # another thread was first, or there is no room, as the migrations will say
                shutil.copyfile(folder / "x.db", copied)
                os.link(copied, database.url.database)
            copied.unlink(missing_ok=True)
        MIGRATE(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "migrate", migrate)
        yield


@pytest.fixture
def all_migrations(monkeypatch) -> None:
    """For tests of the migrations themselves."""
    monkeypatch.setattr(store, "migrate", MIGRATE)


@pytest.fixture(scope="session")
def server() -> Iterator[Callable[[str], servers.Server]]:
    """Starts PostgreSQL or MariaDB when it is first asked for; it runs until all tests have ended."""
    with ExitStack() as stack:

        @cache
        def started(kind: str) -> servers.Server:
            return stack.enter_context(getattr(servers, kind)())

        yield started


@pytest.fixture(scope="session")
def new_database(server, tmp_path_factory):
    """Makes an empty database of a kind, or with our tables; gives its URL for as long as it is there."""
    with ExitStack() as stack:

        @cache
        def template() -> str:
            database = store.connect(stack.enter_context(server("postgresql").database()))
            store.migrate(database)
            database.dispose()
            return str(database.url.database)

        @contextmanager
        def made(kind: str, *, tables: bool = False) -> Iterator[str]:
            if kind == "sqlite":
                yield f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'x.db'}"
            else:
                ready = template() if tables and kind == "postgresql" else None
                with server(kind).database(ready) as url:
                    yield url

        yield made


@pytest.fixture
def here(tmp_path) -> Iterator[Engine]:
    """A database of one test alone, with our tables."""
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    store.migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=KINDS)
def empty(request, new_database):
    """A database without tables, of each kind."""
    with new_database(request.param) as url:
        engine = store.connect(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=KINDS)
def database(request, new_database):
    """A database of each kind with our tables."""
    with new_database(request.param, tables=True) as url:
        engine = store.connect(url)
        store.migrate(engine)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module", params=KINDS)
def database_url(request, new_database):
    """The URL of a database of each kind, for all tests of a file."""
    with new_database(request.param) as url:
        yield url
