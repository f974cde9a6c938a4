"""Brokers over TLS: one whose certificate is known is read as any other, and one that nobody knows gets nothing."""

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))
import sinks
from test_stream import binary, count, reading, running, send, structured, until

from gateway import stream
from gateway.telemetry.arrivals import Terms
from gateway.telemetry.kafka import Reader
from gateway.telemetry.mqtt import Listener, address, client
from gateway.telemetry.streams import Streams
from loadtests import brokers
from loadtests.servers import free_port


@pytest.fixture
def shown(tmp_path):
    """The brokers' key and certificate."""
    return sinks.certificate(tmp_path)


@pytest.fixture
def known(shown, monkeypatch):
    """That we know them."""
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))


@asynccontextmanager
async def tansu(shown):
    """Behind a server that ends TLS, since it has none of its own."""
    port = free_port()
    with running(lambda: brokers.tansu(f"localhost:{port}")) as url:

        async def pass_on(reader, writer):
            there, back = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
            await asyncio.gather(pour(reader, back), pour(there, writer))

        async with await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=sinks.shown_by(shown)):
            yield f"kafkas://localhost:{port}"


async def pour(source, into):
    while data := await source.read(65536):
        into.write(data)
    into.close()


@pytest.mark.usefixtures("known")
async def test_kafka_over_tls_is_read_as_any_other(shown, plant):
    async with tansu(shown) as url:
        knobs = Streams(kafka_url=url)
        async with reading(Reader(knobs, plant, Terms())):
            await send(url, knobs.kafka_topic, map(binary, range(50)))
            await until(lambda: count(plant) == 50)


@pytest.mark.usefixtures("known")
async def test_mqtt_over_tls_wants_the_name_and_password_of_the_url(shown, plant, caplog):
    with running(lambda: brokers.mosquitto(shown)) as url:
        knobs = Streams(mqtt_url=url, mqtt_topic="plant/#")
        sender = client(knobs, "sender")
        sender.connect(*address(knobs))
        sender.loop_start()
        door = Listener(knobs, plant, Terms())
        async with reading(door):
            await until(door.is_ready)
            for n in range(50):
                sender.publish("plant/ahu", structured(n)[0], 1)
            await until(lambda: count(plant) == 50)
        sender.loop_stop()
        stranger = Listener(Streams(mqtt_url=url.replace("secret", "wrong")), plant, Terms())
        async with reading(stranger):
            await until(lambda: "refuses us" in caplog.text)
        assert not stranger.is_ready()


# paho leaves a socket that failed its handshake to the garbage collector
@pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["kafka", "mqtt"])
async def test_a_broker_whose_certificate_nobody_knows_gets_nothing_and_the_log_says_so(kind, shown, plant, caplog):
    async def refused(door):
        stopping = asyncio.Event()
        at_work = asyncio.create_task(stream._again_and_again(door, stopping))
        await until(lambda: "the broker does not answer" in caplog.text)
        stopping.set()
        await at_work

    if kind == "kafka":
        async with tansu(shown) as url:
            await refused(Reader(Streams(kafka_url=url), plant, Terms()))
    else:
        with running(lambda: brokers.mosquitto(shown)) as url:
            door = Listener(Streams(mqtt_url=url), plant, Terms())
            await refused(door)
            assert not door.is_ready()
    reasons = [getattr(record, "reason", record.getMessage()) for record in caplog.records]
    assert any("CERTIFICATE_VERIFY_FAILED" in reason for reason in reasons), reasons
