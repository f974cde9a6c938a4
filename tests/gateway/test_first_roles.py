"""Who had an account before roles counted may do what he could, and finds his logins' count at nought."""

from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway import store

MIGRATION = "0008"


@pytest.fixture
def empty(tmp_path):
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    yield engine
    engine.dispose()


def to(database, revision):
    config = Config()
    config.set_main_option("script_location", "gateway:migrations")
    before = ScriptDirectory.from_config(config).get_revision(MIGRATION).down_revision
    with database.begin() as connection:
        config.attributes["connection"] = connection
        move = command.upgrade if revision == MIGRATION or not before_is_here(connection) else command.downgrade
        move(config, revision if revision == MIGRATION else before)


def before_is_here(connection):
    return connection.dialect.has_table(connection, "users")


def rows(database, wanted):
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(wanted))]


def test_operators_become_engineers_and_others_stay_what_they_are(empty):
    to(empty, "before")
    people = {role: uuid4().hex for role in ("operator", "admin")}
    with empty.begin() as connection:
        for role, number in people.items():
            said = {"id": number, "role": role, "key": uuid4().hex}
            connection.execute(
                text(
                    "INSERT INTO users (id, name, name_key, email, role, password, created_at) "
                    "VALUES (:id, :role, :role, 'x@y', :role, 'x', '2026-01-01 00:00:00')"
                ),
                said,
            )
            connection.execute(
                text(
                    "INSERT INTO api_keys (id, owner, name, prefix, digest, role, created_at) "
                    "VALUES (:key, :id, 'x', 'x', :key, :role, '2026-01-01 00:00:00')"
                ),
                said,
            )
    to(empty, MIGRATION)
    found = rows(empty, "SELECT name, role, generation FROM users ORDER BY name")
    assert found == [("admin", "admin", 0), ("operator", "engineer", 0), ("this machine", "engineer", 0)]
    assert rows(empty, "SELECT role FROM api_keys ORDER BY role") == [("admin",), ("engineer",)]
    assert rows(empty, "SELECT id FROM users WHERE password = ''") == [(UUID(int=0).hex,)]
    to(empty, "before")
    assert rows(empty, "SELECT name FROM users ORDER BY name") == [("admin",), ("operator",)]
    assert len(rows(empty, "SELECT id FROM api_keys")) == 2
    to(empty, MIGRATION)
    assert len(rows(empty, "SELECT id FROM users")) == 3
