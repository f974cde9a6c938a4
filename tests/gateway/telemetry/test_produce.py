"""A file of readings is played to whoever takes them, as fast as is wanted."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from plants import ZONE, declare

from gateway import localkey, produce, store
from gateway.settings import Settings
from gateway.telemetry.arrivals import Terms
from gateway.telemetry.kafka import Reader
from gateway.telemetry.streams import Streams
from gateway.telemetry.tables import Reading
from loadtests import brokers
from loadtests.databases import MissingError

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def settings(upstream, tmp_path_factory):
    return Settings(data=tmp_path_factory.mktemp("produce"), inference_url=upstream.url)


@pytest.fixture(scope="module")
def gateway(run_gateway, settings):
    with run_gateway(settings) as client:
        yield client


@pytest.fixture
def unit(settings, gateway):
    database, name = store.connect(settings.database), uuid4().hex
    declare(database, name)
    database.dispose()
    return name


@pytest.fixture
def play(gateway, settings):
    """Plays a file to the gateway."""
    return lambda *words: produce.main(
        [*map(str, words), "--to", str(gateway.base_url), "--key", str(settings.data / localkey.NAME)]
    )


def a_file(folder, rows, start=NOW - timedelta(minutes=10), step=timedelta(seconds=1)):
    """A column of local times in Shanghai, and one point."""
    hours = timedelta(hours=8)
    lines = [f"{start + hours + n * step:%Y-%m-%d %H:%M:%S},{20 + n % 5 / 10}" for n in range(rows)]
    path = folder / "x.csv"
    path.write_text("\n".join([f"at,{ZONE}", *lines]))
    return path


def test_a_file_is_played_over_http_and_a_second_time_it_is_there_already(play, gateway, unit, tmp_path, capsys):
    words = (a_file(tmp_path, 100), "--unit-id", unit, "--timezone", "Asia/Shanghai", "--speed", 0)
    assert play(*words) == play(*words) == 0
    assert "100 accepted, 0 there already" in capsys.readouterr().out
    items = gateway.get(f"/api/v1/units/{unit}/readings").json()["items"]
    assert (len(items), items[0]["at"]) == (100, f"{NOW - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}")


def test_it_is_played_so_many_times_as_fast_as_it_was(play, unit, tmp_path):
    began = time.monotonic()
    assert play(a_file(tmp_path, 101), "--unit-id", unit, "--timezone", "Asia/Shanghai", "--speed", 100) == 0
    assert 0.9 < time.monotonic() - began < 10


def test_an_old_file_can_be_moved_so_that_it_ends_now(play, gateway, unit, tmp_path):
    path = a_file(tmp_path, 3, datetime(2007, 8, 1, tzinfo=UTC))
    assert play(path, "--unit-id", unit, "--timezone", "Asia/Shanghai", "--speed", 0, "--ends-now") == 0
    last = gateway.get(f"/api/v1/units/{unit}/readings").json()["items"][-1]
    assert datetime.now(UTC) - datetime.fromisoformat(last["at"]) < timedelta(minutes=2)


def test_what_is_wrong_is_told_with_its_line_and_what_to_do(play, unit, tmp_path, capsys):
    path = a_file(tmp_path, 3)
    path.write_text(path.read_text() + "\nyesterday,21")
    assert play(path, "--unit-id", unit, "--timezone", "Asia/Shanghai", "--speed", 0) == 0
    assert "line 5: This is no time. Write" in capsys.readouterr().err
    assert play(path, "--unit-id", "nobody", "--timezone", "Asia/Shanghai", "--speed", 0) == 1
    assert play(tmp_path / "none.csv") == 2


@pytest.mark.parametrize("broker", ["tansu", "mosquitto"])
async def test_a_file_is_played_to_a_broker(broker, tmp_path):
    database = store.connect(f"sqlite:///{tmp_path / 'x.db'}")
    store.migrate(database)
    declare(database, "u1")
    words = [str(a_file(tmp_path, 50)), "--unit-id", "u1", "--timezone", "Asia/Shanghai", "--speed", "0"]
    try:
        with getattr(brokers, broker)() as url:
            if broker == "mosquitto":  # which nobody need listen to
                assert await asyncio.to_thread(produce.main, [*words, "--to", url]) == 0
                return
            stopping = asyncio.Event()
            reading = asyncio.create_task(Reader(Streams(kafka_url=url), database, Terms()).run(stopping))
            assert await asyncio.to_thread(produce.main, [*words, "--to", url]) == 0
            end = time.monotonic() + 60
            while _count(database) < 50 and time.monotonic() < end:
                await asyncio.sleep(0.05)
            stopping.set()
            await reading
    except MissingError as missing:
        pytest.skip(str(missing))
    assert _count(database) == 50
    database.dispose()


def _count(database):
    with Session(database) as session:
        return session.scalar(select(func.count()).select_from(Reading))
