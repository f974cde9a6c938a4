"""Who had an account before roles counted may do what he could, and finds his logins' count at nought."""

from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from gateway import store

AFTER = "0008"
OLD_USER = text(
    "INSERT INTO users (id, name, name_key, email, role, password, created_at) "
    "VALUES (:id, :role, :role, 'x@example.org', :role, 'x', '2026-01-01 00:00:00')"
)
OLD_KEY = text(
    "INSERT INTO api_keys (id, owner, name, prefix, digest, role, created_at) "
    "VALUES (:key, :id, 'x', 'x', :key, :role, '2026-01-01 00:00:00')"
)


@pytest.fixture
def database(tmp_path):
    engine = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def config():
    made = Config()
    made.set_main_option("script_location", "gateway:migrations")
    return made


@pytest.fixture
def before(config):
    """The revision that roles came after."""
    return ScriptDirectory.from_config(config).get_revision(AFTER).down_revision


def migrated(database, config, move, revision):
    with database.begin() as connection:
        config.attributes["connection"] = connection
        move(config, revision)


def rows(database, wanted):
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(wanted))]


def test_operators_become_engineers_others_stay_what_they_are_and_there_is_a_way_back(database, config, before):
    migrated(database, config, command.upgrade, before)
    with database.begin() as connection:
        for role in ("operator", "admin"):
            said = {"id": uuid4().hex, "role": role, "key": uuid4().hex}
            connection.execute(OLD_USER, said)
            connection.execute(OLD_KEY, said)
    migrated(database, config, command.upgrade, AFTER)
    found = rows(database, "SELECT name, role, generation FROM users ORDER BY name")
    assert found == [("admin", "admin", 0), ("operator", "engineer", 0), ("this machine", "engineer", 0)]
    assert rows(database, "SELECT role FROM api_keys ORDER BY role") == [("admin",), ("engineer",)]
    assert rows(database, "SELECT id FROM users WHERE password = ''") == [(UUID(int=0).hex,)]
    migrated(database, config, command.downgrade, before)
    assert rows(database, "SELECT name FROM users ORDER BY name") == [("admin",), ("operator",)]
    migrated(database, config, command.upgrade, AFTER)
    assert (len(rows(database, "SELECT id FROM users")), len(rows(database, "SELECT id FROM api_keys"))) == (3, 2)
