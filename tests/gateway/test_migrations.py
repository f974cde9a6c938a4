"""The tables come by migrations: from the state of an older version, again after an interruption, never back."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect, text

sys.path.insert(0, str(Path(__file__).parent))
from rows import a_forecast

from gateway import audit, migrations, store
from gateway.tables import Base

pytestmark = pytest.mark.usefixtures("all_migrations")

USER, IMPORT, FORECAST = "11" * 16, "22" * 16, "33" * 16
WHEN = "2026-01-31 23:59:59.123456"
# As version 0003 would have written them, in SQL that all three understand.
ROWS = (
    f"INSERT INTO users VALUES ('{USER}', '张三 ⚡', 'zhangsan', 'z@example.org', 'operator', '-', '{WHEN}', NULL)",
    f"INSERT INTO imports VALUES ('{IMPORT}', 'local', '{WHEN}', '负荷.xlsx', 'all', 1, 0, 0)",
    f"INSERT INTO power_data VALUES ('local', '2024-02-29', 10.5, NULL, 0.1, 901.25, '{IMPORT}')",
    f"INSERT INTO forecasts VALUES ('{FORECAST}', '{WHEN}', 'h', 'load', '1', 'Ridge', 'climatology', '2024-02-29', "
    "2024, 3, '{}', 'results/x.csv')",
)


def upgrade(database, revision):
    """As a gateway of that version would have left it."""
    with database.connect() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def differences(database):
    with database.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_the_tables_of_0003_and_their_rows_become_ours_and_stay_so(empty):
    upgrade(empty, "0003")
    with empty.begin() as connection:
        for row in ROWS:
            connection.execute(text(row))
    with store.transaction(empty) as session:
        audit.append(session, "login", None)
    for _ in range(2):
        store.migrate(empty)
        assert differences(empty) == []
        with empty.connect() as connection:
            people = text("SELECT name, email FROM users WHERE email <> ''")
            assert connection.execute(people).one() == ("张三 ⚡", "z@example.org")
            day = text("SELECT temperature, humidity, rainfall, power_data.load FROM power_data")
            assert connection.execute(day).one() == (10.5, None, 0.1, 901.25)
            forecast = text("SELECT owner, stored_csv, task_id, created_at FROM forecasts")
            *kept, moment = connection.execute(forecast).one()
            assert (kept, str(moment)) == (["local", "results/x.csv", None], WHEN)
        assert audit.broken_at(empty) is None
    store.keep(empty, a_forecast(stored_csv=None))


@contextmanager
def cut_off_after(statements: int):
    """Whoever changes tables is stopped after so many statements; gives how many there were."""
    done = []

    def count(connection, cursor, statement, *_):
        if statement.lstrip().startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DROP")):
            if len(done) >= statements:
                raise KeyboardInterrupt
            done.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield done
    finally:
        event.remove(Engine, "before_cursor_execute", count)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mariadb"])
def test_a_migration_that_was_cut_off_anywhere_is_finished_by_the_next_start(new_database, kind):
    with new_database(kind) as url, cut_off_after(1000) as whole:
        database = store.connect(url)
        store.migrate(database)
        database.dispose()
    assert len(whole) > 25
    for statements in range(1, len(whole), 5 if kind == "mariadb" else 15):
        with new_database(kind) as url:
            database = store.connect(url)
            with cut_off_after(statements), pytest.raises(KeyboardInterrupt):
                store.migrate(database)
            store.migrate(database)
            assert differences(database) == []
            assert migrations.INTERRUPTED not in inspect(database).get_table_names()
            with store.transaction(database) as session:
                audit.append(session, "login", None)
            assert audit.broken_at(database) is None
            database.dispose()


def test_a_table_of_somebody_else_stops_the_migration_and_is_not_taken_for_ours(empty):
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE users (name VARCHAR(10))"))
    for _ in range(2):
        with pytest.raises(migrations.TablesError, match="not ours: users"):
            store.migrate(empty)


def test_tables_of_a_later_version_are_left_alone_with_what_to_do(database):
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.TablesError, match=r"9999.*restore the backup"):
        store.migrate(database)


def test_where_only_administrators_may_make_triggers_the_log_still_tells_of_changes(caplog):
    with servers.mariadb("--log-bin=log", "--server-id=1") as server, server.database() as url:
        database = store.connect(url)
        store.migrate(database)
        assert "audit log" in caplog.text
        with store.transaction(database) as session:
            audit.append(session, "login", None)
        assert audit.broken_at(database) is None
        with database.begin() as connection:
            connection.execute(text("UPDATE audit_log SET action = 'x'"))
        assert audit.broken_at(database) == 1
        database.dispose()
