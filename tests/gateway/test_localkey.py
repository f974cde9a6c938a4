"""Who may read the data folder has a key for a day, which is no account."""

import asyncio
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from books import XLSX, book, rows

from gateway import localkey, rights
from gateway.errors import Unavailable
from gateway.settings import Settings
from gateway.tables import Key

INFER = "/v2/models/load/infer"


@pytest.fixture
def settings(upstream, tmp_path):
    return Settings(data=tmp_path / "forewatt", inference_url=upstream.url)


@pytest.fixture
def kept(settings):
    return settings.data / "local.key"


@pytest.fixture
def database(here):
    """Without a gateway."""
    return here


def ends(database, moment):
    with Session(database) as session, session.begin():
        session.execute(update(Key).values(expires_at=moment))


def stored(database):
    with Session(database) as session:
        return session.scalars(select(Key)).all()


def test_it_is_written_for_its_owner_alone_and_is_a_row_like_any_machines(database, tmp_path):
    path = tmp_path / "local.key"
    localkey.renew(path, database)
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = stored(database)
    assert (key.digest, key.owner, key.role) == (rights.digest(secret.encode()), rights.NOBODY, "engineer")
    assert timedelta(hours=23) < key.expires_at - datetime.now(UTC) <= timedelta(days=1)
    assert secret.encode() not in (tmp_path / "x.db").read_bytes()


def test_a_start_within_half_a_day_keeps_it_and_a_later_one_makes_another(database, tmp_path):
    path = tmp_path / "local.key"
    localkey.renew(path, database)
    first = path.read_text()
    localkey.renew(path, database)
    assert path.read_text() == first
    ends(database, datetime.now(UTC) + timedelta(hours=11))
    localkey.renew(path, database)
    assert path.read_text() != first
    assert len(stored(database)) == 2  # whoever has read the old one is not cut off
    ends(database, datetime.now(UTC) - timedelta(seconds=1))
    localkey.renew(path, database)
    assert len(stored(database)) == 1


@pytest.mark.parametrize("there", [b"", b"fw_of-another-database", b"\xff\xfe"])
def test_a_file_whose_key_is_not_known_is_written_anew(database, tmp_path, there):
    path = tmp_path / "local.key"
    path.write_bytes(there)
    localkey.renew(path, database)
    assert path.read_text().startswith("fw_")
    assert len(stored(database)) == 1


async def test_while_a_gateway_runs_it_is_renewed_and_a_database_that_is_away_ends_nothing(
    settings, database, kept, monkeypatch, caplog
):
    settings.data.mkdir()
    monkeypatch.setattr(localkey, "LOOKED_AT_S", 0.02)
    asked, renew = [], localkey.renew

    def at_times(path, engine):
        asked.append(path)
        if len(asked) == 3:
            raise Unavailable("database-unavailable", "The database does not answer.")
        renew(path, engine)

    localkey.begin(settings, database)
    monkeypatch.setattr(localkey, "renew", at_times)
    async with localkey.kept(settings, database):
        first = kept.read_text()
        while len(asked) < 4:
            await asyncio.sleep(0.01)
        ends(database, datetime.now(UTC) + timedelta(hours=1))
        while kept.read_text() == first:
            await asyncio.sleep(0.01)
    assert "could not be renewed" in caplog.text


def test_it_acts_for_the_owner_without_an_account_and_has_no_rights_over_accounts(run_gateway, settings, kept):
    file = {"file": ("days.xlsx", book(rows(3)), XLSX)}
    with run_gateway(settings) as client:
        assert client.post("/api/data/import", files=file).json()["imported"] == 3
        assert client.get("/api/v1/users").status_code == 403
        assert client.post("/v2/repository/models/load/load", json={}).status_code == 403
        assert client.get("/api/v1/me").status_code == 401
        assert client.post("/api/v1/keys", json={"name": "x"}).status_code == 401
        body = {"username": "this machine", "password": ""}
        assert client.post("/api/auth/login", json=body, headers={"X-API-Key": ""}).status_code in (401, 422)
    kept.unlink()
    with run_gateway(settings) as client:  # another key, the same owner
        assert client.get("/api/data/fetchData").json()["total"] == 3


def test_of_two_gateways_on_one_folder_both_take_the_key(run_gateway, settings, inference):
    with run_gateway(settings) as one, run_gateway(settings) as other:
        assert [client.post(INFER, content=b"{}").status_code for client in (one, other)] == [200, 200]


def test_where_none_is_wanted_none_is_written_and_that_of_an_earlier_start_ends(run_gateway, settings, kept):
    with run_gateway(settings):
        shown = {"X-API-Key": kept.read_text().strip()}
    without = Settings(**settings.model_dump(exclude={"local_key"}), local_key=False)
    with run_gateway(without, key=False) as client:
        assert client.get("/api/data/fetchData", headers=shown).status_code == 401
        assert not kept.exists()


def test_the_short_way_asks_the_database_once_for_many_inferences(run_gateway, settings, inference, monkeypatch):
    asked, by_key = [], rights._by_key
    monkeypatch.setattr(rights, "_by_key", lambda *these: asked.append(these) or by_key(*these))
    monkeypatch.setattr(rights, "REMEMBERED_S", 600)
    with run_gateway(settings) as client:
        assert [client.post(INFER, content=b"{}").status_code for _ in range(50)] == [200] * 50
    assert len(asked) == 1
