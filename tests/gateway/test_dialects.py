"""What the three databases do differently is alike here: URLs, letters, moments, locks, and how they fail."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import DateTime, inspect, select, text, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from rows import a_forecast, a_user

from gateway import dialects, store
from gateway.errors import Unavailable
from gateway.rights import NOBODY
from gateway.tables import Forecast, User

SERVERS = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("sqlite:///forewatt.db", "sqlite+pysqlite"),
        ("postgres://me:pw@db/forewatt", "postgresql+psycopg"),
        ("postgresql://me:pw@db:5433/forewatt?sslmode=require", "postgresql+psycopg"),
        ("postgresql+psycopg://me:pw@db/forewatt", "postgresql+psycopg"),
        ("mysql://root:123456@localhost/power_forecast", "mysql+pymysql"),
        ("mysql+pymysql://root:123456@localhost/power_forecast?charset=utf8", "mysql+pymysql"),
        ("mariadb://me:p%40ss@db:3307/forewatt?ssl_ca=/etc/ssl/ca.pem", "mysql+pymysql"),
    ],
)
def test_urls_are_understood_as_people_write_them(written, driver):
    url = dialects.read_url(written)
    assert url.drivername == driver
    assert url.query.get("charset") == ("utf8mb4" if driver == "mysql+pymysql" else None)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("a database", "write a database URL"),
        ("oracle://db/x", "oracle is not a database that is supported"),
        ("postgresql+asyncpg://db/x", "postgresql:// without a driver"),
        ("mysql+mysqldb://db/x", "mysql:// without a driver"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("mariadb://me@db", "name the database"),
        ("mysql://me@db/x?ssl-mode=REQUIRED", "ssl-mode"),
        ("postgres://me@db/x?ssl=true", "ssl"),
    ],
)
def test_what_no_database_of_ours_could_be_is_refused_with_what_to_write(written, says):
    with pytest.raises(ValueError, match=says):
        dialects.read_url(written)


def test_every_moment_keeps_its_microseconds(database):
    moment = datetime(2026, 3, 29, 1, 59, 59, 123457, tzinfo=UTC)
    store.keep(database, a_forecast(created_at=moment))
    with Session(database) as session:
        assert session.scalar(select(Forecast.created_at)) == moment
    columns = [
        column for table in inspect(database).get_table_names() for column in inspect(database).get_columns(table)
    ]
    moments = [column["type"] for column in columns if isinstance(column["type"], DateTime)]
    assert len(moments) > 10
    assert {getattr(kind, "fsp", 6) for kind in moments} == {6}


@pytest.mark.parametrize("others", [("Ada", "ada"), ("Zoë", "Zoe"), ("straße", "strasse"), ("ｗ", "w"), ("⚡", "🔌")])
def test_names_are_one_only_where_every_letter_is(database, others):
    for name in others:
        store.keep(database, a_user(name_key=name))
    with Session(database) as session:
        for name in others:
            assert session.scalars(select(User.name_key).where(User.name_key == name)).all() == [name]


def test_chinese_and_emoji_come_back_as_they_were(database):
    words = "功率预测 兆瓦 ⚡️ 👩‍🔬 𠜎"
    store.keep(database, a_forecast(answer={"unit": words, "nested": [1.5, None, {"键": True}]}, stored_csv=words))
    with Session(database) as session:
        kept = session.scalars(select(Forecast)).one()
    assert (kept.answer, kept.stored_csv) == ({"unit": words, "nested": [1.5, None, {"键": True}]}, words)
    assert isinstance(kept.id, UUID)


@SERVERS
def test_what_does_not_fit_is_refused_and_not_cut_off(database):
    with pytest.raises(Exception, match=r"(?i)too long"):
        store.keep(database, a_forecast(weather="x" * 17))


def test_a_row_that_another_holds_is_503_in_time(database):
    store.keep(database, a_user(name="held"))
    change = update(User).where(User.name == "held")
    with held(database, change.values(email="mine")):
        begun = time.monotonic()
        with pytest.raises(Unavailable) as refused, store.transaction(database) as session:
            session.execute(change.values(email="yours"))
        assert time.monotonic() - begun < 3 * dialects.LOCK_S
    assert refused.value.type.endswith("database-busy")
    with Session(database) as session:
        assert session.scalar(select(User.email).where(User.name == "held")) == "mine"


@pytest.mark.parametrize("pools", [1, 2])
def test_those_who_write_to_sqlite_wait_for_their_turn_and_do_not_find_it_locked(tmp_path, monkeypatch, pools):
    monkeypatch.setitem(dialects.GREETINGS, "sqlite", ("PRAGMA busy_timeout=0", "PRAGMA journal_mode=WAL"))
    engines = [store.connect(f"sqlite:///{tmp_path / 'forewatt.db'}") for _ in range(pools)]
    store.migrate(engines[0])
    with ThreadPoolExecutor(24) as writers:
        written = [writers.submit(store.keep, engines[n % pools], a_user(name_key=f"user {n}")) for n in range(240)]
    assert [one.exception() for one in written] == [None] * 240
    for engine in engines:
        engine.dispose()


@contextmanager
def held(database, change):
    """A transaction that has changed something and does not end meanwhile."""
    with Session(database) as session, session.begin():
        session.execute(change)
        yield


@SERVERS
def test_of_two_who_wait_for_each_other_one_is_told_and_both_succeed_when_it_tries_again(database):
    for name in ("one", "two"):
        store.keep(database, a_user(name=name))
    both, tries = threading.Barrier(2, timeout=30), []

    @store.retried
    def change(first, second):
        tries.append(first)
        with store.transaction(database) as session:
            session.execute(update(User).where(User.name == first).values(email=first))
            if len(tries) <= 2:
                both.wait()
            session.execute(update(User).where(User.name == second).values(role="viewer"))

    with ThreadPoolExecutor(2) as two:
        for done in [two.submit(change, "one", "two"), two.submit(change, "two", "one")]:
            done.result(60)
    assert len(tries) == 3
    with Session(database) as session:
        kept = session.execute(select(User.email, User.role).where(User.email != "").order_by(User.email)).all()
    assert [tuple(row) for row in kept] == [("one", "viewer"), ("two", "viewer")]


@SERVERS
def test_a_connection_that_the_server_ends_is_503_once_and_then_another_is_used(database, server):
    store.keep(database, a_user(name="before"))
    with pytest.raises(Unavailable), store.transaction(database) as session:  # noqa: PT012 - one conversation
        session.execute(update(User).values(email="lost"))
        if database.dialect.name == "postgresql":
            number = session.scalar(text("SELECT pg_backend_pid()"))
            server("postgresql").does(f"SELECT pg_terminate_backend({number})")
        else:
            number = session.scalar(text("SELECT CONNECTION_ID()"))
            server("mariadb").does(f"KILL {number}")
        session.execute(update(User).values(email="lost"))
    with store.transaction(database) as session:
        assert "lost" not in session.scalars(select(User.email)).all()


@SERVERS
def test_where_nothing_may_be_written_reading_goes_on_and_writing_is_503(database, server):
    store.keep(database, a_user(name="before"))
    name = database.url.database
    statements = {
        "postgresql": (f"ALTER DATABASE {name} SET default_transaction_read_only = on", "SELECT 1"),
        "mysql": ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
    }
    on, off = statements[database.dialect.name]
    running = server("postgresql" if database.dialect.name == "postgresql" else "mariadb")
    database.dispose()
    running.does(on)
    try:
        with pytest.raises(Unavailable) as refused:
            store.keep(database, a_user(name="after"))
        with store.transaction(database) as session:
            assert session.scalars(select(User.name).where(User.id != NOBODY)).all() == ["before"]
    finally:
        running.does(off)
    assert refused.value.type.endswith("storage-read-only")


@SERVERS
def test_more_who_ask_than_there_are_connections_wait_a_little_and_are_503(database, monkeypatch):
    monkeypatch.setattr(dialects, "QUEUE_S", 1)
    url = database.url.render_as_string(hide_password=False)
    few = store.connect(url, 1)
    try:
        with few.connect(), pytest.raises(Unavailable), store.transaction(few) as session:
            session.execute(text("SELECT 1"))
        with store.transaction(few) as session:
            assert session.scalar(text("SELECT 1")) == 1
    finally:
        few.dispose()


def test_what_a_statement_has_wrong_is_no_outage(database):
    same = uuid4()
    store.keep(database, a_forecast(id=same))
    with pytest.raises(Exception, match=r"(?i)unique|duplicate") as wrong:
        store.keep(database, a_forecast(id=same))
    assert not isinstance(wrong.value, Unavailable)


@SERVERS
def test_a_password_is_in_no_error_and_in_no_log(database, caplog):
    secret = "hush-hush"  # noqa: S105 - and the wrong one
    wrong = store.connect(database.url.set(password=secret).render_as_string(hide_password=False))
    with pytest.raises(Unavailable), store.transaction(wrong) as session:
        session.execute(text("SELECT 1"))
    wrong.dispose()
    assert "database" in caplog.text
    assert secret not in caplog.text


def test_leases_end_to_the_microsecond_on_each(database):
    at = datetime.now(UTC).replace(microsecond=500_000)
    store.keep(database, a_forecast(created_at=at))
    with Session(database) as session:
        just_before = select(Forecast).where(Forecast.created_at <= at - timedelta(microseconds=1))
        assert session.scalar(just_before) is None
        assert session.scalar(select(Forecast).where(Forecast.created_at <= at)) is not None
