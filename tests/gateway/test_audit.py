"""The audit log only grows, shows what was changed in it, and holds no secret."""

import io
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from people import bearer, login, register

from gateway import audit, store
from gateway.logs import ACCESS
from gateway.settings import Settings
from gateway.tables import AuditEntry


def write(database, times=1):
    for _ in range(times):
        with store.transaction(database) as session:
            audit.append(session, "login", uuid4(), "x", "192.0.2.1")


def change(database, *statements):
    """As somebody would to whom the database belongs."""
    guards = ("DROP TRIGGER audit_log_update", "DROP TRIGGER audit_log_delete")
    if database.dialect.name == "postgresql":
        guards = ("DROP TRIGGER audit_log_append_only ON audit_log",)
    with database.begin() as connection:
        for statement in (*guards, *statements):
            connection.execute(text(statement))


def test_a_log_that_nobody_touched_holds(database):
    assert audit.broken_at(database) is None
    write(database, 5)
    assert audit.broken_at(database) is None


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE audit_log SET action = 'logout' WHERE number = 3", 3),
        ("UPDATE audit_log SET at = '2020-01-01 00:00:00' WHERE number = 1", 1),
        ("UPDATE audit_log SET actor = NULL WHERE number = 2", 2),
        ("UPDATE audit_log SET subject = 'y' WHERE number = 2", 2),
        ("UPDATE audit_log SET address = NULL WHERE number = 4", 4),
        ("DELETE FROM audit_log WHERE number = 2", 2),
        ("DELETE FROM audit_log WHERE number = 5", 5),
        ("DELETE FROM audit_log", 1),
        ("UPDATE audit_log SET number = 6 WHERE number = 3", 3),
        (
            "INSERT INTO audit_log SELECT 6, at, actor, action, subject, address, hash FROM audit_log WHERE number = 5",
            6,
        ),
        ("DELETE FROM audit_head", 6),
    ],
)
def test_whatever_is_changed_is_found(database, statement, at):
    write(database, 5)
    change(database, statement)
    assert audit.broken_at(database) == at


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log"])
def test_the_database_itself_takes_no_change(database, statement):
    write(database)
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.execute(text(statement))


def test_many_who_append_at_once_make_one_chain(database):
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda _: write(database, 5), range(8)))
    assert audit.broken_at(database) is None
    with Session(database) as session:
        assert session.scalars(select(AuditEntry.number).order_by(AuditEntry.number)).all() == list(range(1, 41))


def test_a_log_that_grows_while_it_is_looked_at_holds(database):
    write(database, 3)
    with ThreadPoolExecutor(2) as both:
        growing = both.submit(write, database, 60)
        looks = 0
        while not growing.done() or not looks:
            assert audit.broken_at(database) is None
            looks += 1
        growing.result()
    assert audit.broken_at(database) is None


def test_what_fails_leaves_no_entry(database):
    def fail():
        with store.transaction(database) as session:
            audit.append(session, "login", uuid4())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    write(database)
    assert audit.broken_at(database) is None


def test_an_address_that_is_none_is_written_as_unknown(run_gateway, upstream, tmp_path):
    settings = Settings(data=tmp_path, inference_url=upstream.url, local_key=False)
    given = ["192.0.2.7", "2001:db8::1%eth0", "no address", "x" * 5000]
    with run_gateway(settings, key=False) as client:
        for address in given:
            assert login(client, "nobody", "x", **{"X-Forwarded-For": address}).status_code == 401
    engine = store.connect(settings.database)
    with Session(engine) as session:
        written = session.scalars(select(AuditEntry.address).order_by(AuditEntry.number)).all()
    engine.dispose()
    assert written == ["192.0.2.7", "2001:db8::1", "unknown", "unknown"]


def test_each_deed_is_an_entry_and_no_secret_stands_in_log_answer_or_database(
    run_gateway, upstream, tmp_path, caplog, monkeypatch
):
    caplog.set_level(logging.DEBUG)
    lines = io.StringIO()
    monkeypatch.setattr(ACCESS, "_stream", lines)
    settings = Settings(data=tmp_path, inference_url=upstream.url, local_key=False)
    secrets, said = ["right-password", "wrong-password", "typed-in-the-wrong-field"], []
    with run_gateway(settings, key=False) as client:
        register(client, "ada", secrets[0])
        register(client, "ada", secrets[0])
        said += [login(client, "ada", secrets[1]), login(client, secrets[2], "x" * 10)]
        tokens = [login(client, "ada", secrets[0]).json()["token"]]
        tokens += [client.post("/api/auth/refresh", headers=bearer(tokens[0])).json()["token"]]
        said += [client.post("/api/auth/logout", headers=bearer(token)) for token in tokens]
        said += [client.get("/api/v1/me", headers=bearer(token + "x")) for token in tokens]
        said += [register(client, "bad name", secrets[0])]
    engine = store.connect(settings.database)
    with Session(engine) as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.number)).all()
    assert actions == ["registered", "login-refused", "login-refused", "login", "token-renewed", "logout"]
    assert audit.broken_at(engine) is None
    engine.dispose()
    everywhere = caplog.text + lines.getvalue() + "".join(answer.text + str(answer.headers) for answer in said)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("forewatt.db*"))
    secret = (tmp_path / "secret.key").read_text()
    assert "/api/auth/login" in lines.getvalue()
    for word in (*secrets, *tokens, secret):
        assert word not in everywhere
        assert word.encode() not in kept
