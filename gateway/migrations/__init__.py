"""Bring the tables to this version: one gateway at a time, and again where one was interrupted.

SQLite and PostgreSQL take a migration whole or not at all. MariaDB and MySQL keep each statement that has ended: there
an interrupted one is run again from its first statement, and what it has made already is passed over. So a migration
that changes rows has to be written so that it may do it twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from gateway import dialects
from gateway.errors import Unavailable
from gateway.tables import Base

TURN_S = 30  # how long a gateway waits for another one that migrates, before it tries again later
LOCK = int.from_bytes(b"forewatt")  # PostgreSQL's advisory locks are numbers
INTERRUPTED = "migration_begun"  # a table that is there while MySQL migrates


class TablesError(Exception):
    """The tables that are there are not ours, or come from a later version of this program."""


def migrate(database: Engine) -> None:
    """All that is not there yet; a second run finds nothing to do. Raises ``TablesError``."""
    engine = dialects.unhurried(database.url)
    try:
        with engine.connect() as connection, _alone(connection):
            begun = inspect(connection).has_table(INTERRUPTED)
            if begun or revision(connection) != newest():
                _upgrade(connection, again=begun)
    finally:
        engine.dispose()


def revision(connection: Connection) -> str | None:
    """Which migration was the last; nothing where there are no tables. Raises ``TablesError``."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
        raise TablesError(
            f"The database has revision {found}; this version of Forewatt knows none after {newest()}. "
            "Start the version that made it or a later one, or restore the backup from before."
        )
    return found


def newest() -> str | None:
    """The migration that this version ends with."""
    return _scripts().get_current_head()


def _upgrade(connection: Connection, *, again: bool) -> None:
    config = _config()
    config.attributes |= {"connection": connection, "again": again}
    first = not again and revision(connection) is None
    if first and (strange := Base.metadata.tables.keys() & inspect(connection).get_table_names()):
        raise TablesError(
            f"The database has tables that are not ours: {', '.join(sorted(strange))}. "
            "Give Forewatt a database of its own in FOREWATT_DATABASE_URL."
        )
    if connection.dialect.name != "mysql":
        command.upgrade(config, "head")
        return
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {INTERRUPTED} (at DATETIME(6)) ENGINE=InnoDB"))
    command.upgrade(config, "head")
    connection.execute(text(f"DROP TABLE {INTERRUPTED}"))


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Whoever else migrates this database meanwhile waits, or is 503."""
    match connection.dialect.name:
        case "sqlite":
            connection.execute(text(f"PRAGMA busy_timeout={1000 * TURN_S}"))
            connection.execute(text("PRAGMA foreign_keys=ON"))
            connection.execute(text("PRAGMA journal_mode=WAL"))
            connection.execute(text("BEGIN IMMEDIATE"))
        case "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout='{TURN_S}s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            connection.execute(text("SET LOCAL statement_timeout=0"))
        case _:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text(f"SET SESSION lock_wait_timeout={TURN_S}, innodb_lock_wait_timeout={TURN_S}"))
            held = connection.scalar(text(f"SELECT GET_LOCK(SHA1(CONCAT('forewatt.', DATABASE())), {TURN_S})"))
            if held != 1:
                raise Unavailable("database-busy", "Another gateway is migrating the database.")
    yield
    connection.commit()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
