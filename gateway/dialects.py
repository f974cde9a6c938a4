"""SQLite, PostgreSQL, and MariaDB or MySQL: what they do differently, made alike in one place.

All three wait for a lock, a connection and a word no longer than is written here, commit what others read (READ
COMMITTED where there is a choice), keep microseconds, and tell "A" from "a" and "é" from "e".
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from typing import Any, Literal

import psycopg
import pymysql
from sqlalchemy import URL, DateTime, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool

from gateway.errors import Unavailable

CONNECT_S, QUEUE_S, LOCK_S, STATEMENT_S = 5, 5, 5, 10
SILENCE_S = 15  # after which a server that has not said a word is given up, whatever it promised about statements
REST_S = 1.0  # how long nobody tries after one could not connect
IDLE_S = 300  # a connection that lay longer is not used again: firewalls forget it
CONNECTIONS = 16

# MariaDB is spoken to as MySQL and stores ids as it does: a dump of one, or of an older one, can be read by the other.
DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
GREETINGS = {  # said to every connection before it is used
    "sqlite": (f"PRAGMA busy_timeout={1000 * LOCK_S}", "PRAGMA journal_mode=WAL", "PRAGMA foreign_keys=ON"),
    "postgresql": (
        f"SET lock_timeout='{LOCK_S}s'",
        f"SET statement_timeout='{STATEMENT_S}s'",
        "SET idle_in_transaction_session_timeout='60s'",  # so that a process that froze holds no lock for ever
    ),
    "mysql": (
        f"SET SESSION innodb_lock_wait_timeout={LOCK_S}, lock_wait_timeout={LOCK_S}, "
        "sql_mode='TRADITIONAL,ONLY_FULL_GROUP_BY'",  # refuses what does not fit instead of cutting it off
    ),
}
HURRY: dict[str, dict[str, int]] = {  # on our side of the network; each driver has names of its own
    "sqlite": {},
    "postgresql": {"tcp_user_timeout": 1000 * SILENCE_S},
    "mysql": {"read_timeout": SILENCE_S, "write_timeout": SILENCE_S},
}
ALIVE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 2}

Meaning = Literal["conflict", "busy", "full", "read-only", "away"]
_MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(("40001", "40P01", "1213", "1020", "SQLITE_BUSY_SNAPSHOT"), "conflict"),
    **dict.fromkeys(("55P03", "1205", "SQLITE_BUSY", "SQLITE_LOCKED"), "busy"),
    **dict.fromkeys(("53100", "1021", "1114", "SQLITE_FULL"), "full"),
    **dict.fromkeys(("25006", "1290", "1836", "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY"), "read-only"),
    **dict.fromkeys(("42P01", "42703", "1146", "1054"), "away"),  # tables that are not there yet
}


def read_url(text: str) -> URL:
    """A URL as people write it, with our driver. Raises ``ValueError`` with what to write instead."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError(
            "write a database URL: sqlite:////srv/forewatt/forewatt.db, postgresql://name:password@host/forewatt "
            "or mariadb://name:password@host/forewatt; signs such as @ and / in a password as %40 and %2F"
        ) from None
    family, _, driver = url.drivername.partition("+")
    if (ours := DRIVERS.get(family)) is None:
        raise ValueError(f"{family} is not a database that is supported; use sqlite, postgresql, mariadb or mysql")
    if driver and driver != ours.partition("+")[2]:
        raise ValueError(f"write {family}:// without a driver; ours is {ours.partition('+')[2]}")
    if not url.database or url.database == ":memory:":
        missing = "a file, such as sqlite:////srv/forewatt/forewatt.db" if family == "sqlite" else "the database"
        raise ValueError(f"name {missing}, after the last /")
    url = url.set(drivername=ours)
    if ours == "mysql+pymysql":
        url = url.update_query_dict({"charset": "utf8mb4"})
    _check_options(url)
    return url


def engine(text: str, connections: int = CONNECTIONS) -> Engine:
    """A pool that waits for nothing longer than is written above; nothing is opened yet."""
    url = read_url(text)
    name = url.get_backend_name()
    pool = {"pool_size": connections, "max_overflow": 0, "pool_timeout": QUEUE_S, "pool_recycle": IDLE_S}
    made = _made(url, HURRY[name], pool_pre_ping=True, pool_use_lifo=True, **pool)
    if name == "sqlite":
        _Turns(_pen(str(url.database))).watch(made)
    else:
        event.listen(made, "do_connect", _Door())
    event.listen(made, "connect", lambda opened, _: _greet(opened, GREETINGS[name]))
    return made


def unhurried(url: URL) -> Engine:
    """For one long piece of work, such as a migration: no statement is too slow."""
    return _made(url, {}, poolclass=NullPool)


def meaning(error: SQLAlchemyError) -> Meaning | None:
    """What a caller can do about it; nothing where the statement itself is wrong."""
    if not isinstance(error, DBAPIError):
        return "away" if isinstance(error, PoolTimeout) else None
    said = error.orig
    codes = (getattr(said, "sqlstate", None), getattr(said, "sqlite_errorname", None), *getattr(said, "args", ())[:1])
    for code in codes:
        if str(code) in _MEANINGS:
            return _MEANINGS[str(code)]
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return "away" if lost else None


def _made(url: URL, hurry: dict[str, int], **options: Any) -> Engine:  # noqa: ANN401 - SQLAlchemy's own
    options |= {"hide_parameters": True}  # an error would show hashes
    if url.get_backend_name() == "sqlite":
        return create_engine(url, **options)
    waits = {"connect_timeout": CONNECT_S, **(ALIVE if url.get_backend_name() == "postgresql" else {}), **hurry}
    ours = {word: limit for word, limit in waits.items() if word not in url.query}
    made = create_engine(url, connect_args=ours, isolation_level="READ COMMITTED", **options)
    if made.dialect.name == "mysql":  # SQLAlchemy would take MariaDB's own type from 10.7 on
        event.listen(made, "connect", lambda *_: setattr(made.dialect, "supports_native_uuid", False))
    return made


class _Patient(psycopg.Connection[Any]):
    """A connection to PostgreSQL that does not wait for ever where the server has frozen; libpq would."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401
        """As psycopg's; a server that says nothing is given up."""
        try:
            return super().wait(gen, interval, SILENCE_S if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.close()  # it may still answer, but nobody would know to which question
            raise


class _Door:
    """The way to a server: where it did not open for one, all others are told so at once for a moment.

    Otherwise each request would wait in turn, and the last of a hundred for minutes.
    """

    def __init__(self) -> None:
        self._shut_until = 0.0

    def __call__(self, dialect: Any, _: object, words: Any, named: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's event
        if time.monotonic() < self._shut_until:
            raise Unavailable("database-unavailable", "The database does not answer.")
        try:
            return (_Patient if dialect.name == "postgresql" else dialect).connect(*words, **named)
        except dialect.loaded_dbapi.Error:
            self._shut_until = time.monotonic() + REST_S
            raise


@functools.cache
def _pen(database: str) -> threading.Lock:
    """Who holds it writes; one for each file, whatever pools this process has of it."""
    return threading.Lock()


class _Turns:
    """SQLite has one writer at a time, and who finds it locked sleeps and looks again: of many, some would always look
    at the wrong moment. Here they wait for a lock that wakes the next one, until the connection goes back to its pool.
    """

    def __init__(self, pen: threading.Lock) -> None:
        self._pen = pen

    def watch(self, pool: Engine) -> None:
        """From now on, for every statement of this pool's that writes."""
        event.listen(pool, "before_cursor_execute", self._take)
        event.listen(pool, "checkin", self._give_back)

    def _take(self, connection: Any, *given: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event
        *_, context, _ = given
        writes = context is not None and (context.isinsert or context.isupdate or context.isdelete)
        if writes and "pen" not in connection.info:
            if not self._pen.acquire(timeout=LOCK_S):
                raise Unavailable("database-busy", "Others are changing the same rows.")
            connection.info["pen"] = self._pen

    def _give_back(self, _: object, record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event
        if pen := record.info.pop("pen", None):
            pen.release()


def _greet(connection: Any, words: tuple[str, ...]) -> None:  # noqa: ANN401 - the driver's own
    cursor = connection.cursor()
    for statement in words:
        cursor.execute(statement)
    cursor.close()
    connection.commit()


def _check_options(url: URL) -> None:
    _, named = url.get_dialect()().create_connect_args(url)
    if url.get_backend_name() == "mysql":
        unknown = named.keys() - inspect.signature(pymysql.Connection.__init__).parameters.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} after the ? is no option of PyMySQL; TLS is ssl_ca=<file>")
    elif url.get_backend_name() == "postgresql":
        try:
            psycopg.conninfo.make_conninfo(**named)
        except psycopg.ProgrammingError as wrong:
            raise ValueError(f"after the ?: {wrong}") from None


@compiles(DateTime, "mysql")
def _to_the_microsecond(*_: object, **__: object) -> str:
    """Seconds are all that MySQL keeps if nothing is said."""
    return "DATETIME(6)"


@event.listens_for(Table, "before_create")
def _letter_by_letter(table: Table, *_: object, **__: object) -> None:
    """All of Unicode, and equal is what is equal; MySQL's own choice takes "A" for "a" and "é" for "e"."""
    table.kwargs.setdefault("mysql_charset", "utf8mb4")
    table.kwargs.setdefault("mysql_collate", "utf8mb4_bin")
    table.kwargs.setdefault("mysql_engine", "InnoDB")
