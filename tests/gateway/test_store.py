"""The tables come by migrations, and files appear whole."""

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from rows import a_forecast

from gateway import dialects, store
from gateway.errors import Unavailable
from gateway.tables import Base, Forecast

pytestmark = pytest.mark.usefixtures("all_migrations")

ROOT = Path(__file__).parents[2]


def test_migrating_twice_changes_nothing_and_loses_nothing(empty):
    store.migrate(empty)
    store.keep(empty, a_forecast())
    store.migrate(empty)
    with Session(empty) as session:
        assert session.query(Forecast).one().answer == {"unit": "兆瓦 ⚡"}


def test_several_gateways_may_migrate_at_once(empty):
    code = "import sys; from gateway import store; store.migrate(store.connect(sys.argv[1]))"
    url = empty.url.render_as_string(hide_password=False)
    starts = [subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT) for _ in range(2)]  # noqa: S603
    assert [start.wait(60) for start in starts] == [0, 0]
    assert "forecasts" in inspect(empty).get_table_names()


def test_the_migrations_make_the_tables_that_the_code_knows(empty):
    store.migrate(empty)
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_moment_comes_back_aware_whatever_zone_it_had(empty):
    store.migrate(empty)
    there = datetime(2014, 6, 1, 9, 30, tzinfo=timezone(timedelta(hours=10)))
    store.keep(empty, a_forecast(created_at=there))
    with Session(empty) as session:
        kept = session.query(Forecast).one().created_at
    assert (kept, kept.utcoffset()) == (there, timedelta(0))


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_sqlite_writes_ahead_waits_and_keeps_references(empty):
    with empty.connect() as connection:
        asked = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
        assert asked == ["wal", 1]
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 1000 * dialects.LOCK_S


def test_a_database_that_cannot_write_is_503(empty):
    with pytest.raises(Unavailable):
        store.keep(empty, a_forecast())


def test_a_database_that_is_gone_is_not_reachable(tmp_path):
    assert not store.reachable(store.connect(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}"))


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_breaks_leaves_the_old_file_and_no_pieces(tmp_path, monkeypatch, broken):
    path = tmp_path / "answer.csv"
    store.write_whole(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="disk full"):
        store.write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
