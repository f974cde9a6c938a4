"""Readings from real brokers: the same as over HTTP, each once, whoever dies; poison goes aside, holding up none."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent))
from plants import ZONE, declare

from gateway import store
from gateway.settings import Settings
from gateway.telemetry import bodies, kafka
from gateway.telemetry.arrivals import Terms, take
from gateway.telemetry.bodies import Bounds, Context
from gateway.telemetry.kafka import Reader, create_topics
from gateway.telemetry.mqtt import Listener, address, client
from gateway.telemetry.streams import Streams, kafka_options
from gateway.telemetry.tables import DeadLetter, Latest, Reading
from loadtests import brokers
from loadtests.databases import MissingError

ROOT = Path(__file__).parents[3]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
PATIENCE_S = 60
UNITS = ("u1", "u2")


@contextmanager
def running(broker):
    try:
        with broker() as url:
            yield url
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def tansu():
    with running(brokers.tansu) as url:
        yield url


@pytest.fixture(scope="module")
def noida():
    with running(brokers.noida) as url:
        yield url


@pytest.fixture(scope="module")
def mosquitto():
    with running(brokers.mosquitto) as url:
        yield url


def a_plant(folder):
    engine = store.connect(Settings(data=folder).database)
    store.migrate(engine)
    declare(engine, *UNITS)
    return engine


@pytest.fixture
def plant(tmp_path):
    engine = a_plant(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def streams(request):
    """Topics of this test alone."""
    name = f"t{abs(hash(request.node.name))}"

    def made(url):
        kind = url.partition("://")[0]
        return Streams(
            **{f"{kind}_url": url}, kafka_topic=name, kafka_group=name, mqtt_topic=f"{name}/#", mqtt_client=name
        )

    return made


def entry(n):
    """The n-th reading of a run; one in seven is out of range."""
    at = (NOW - timedelta(seconds=10_000 - n)).isoformat()
    return {"unit_id": UNITS[n % 2], "point": ZONE, "at": at, "value": 99.0 if n % 7 == 0 else 21.0}


def attributes(n):
    return {"specversion": "1.0", "id": str(n), "source": "/test", "type": "io.hvac.telemetry.v1"}


def binary(n):
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes(n).items()]
    return json.dumps(entry(n)).encode(), [*headers, ("content-type", b"application/json")]


def structured(n):
    return json.dumps(attributes(n) | {"data": entry(n)}).encode(), [("content-type", b"application/cloudevents+json")]


def plain(n):
    return json.dumps(entry(n)).encode(), []


async def send(url, topic, messages):
    producer = AIOKafkaProducer(**kafka_options(url))
    await producer.start()
    for n, (value, headers) in enumerate(messages):
        await producer.send(topic, value, key=UNITS[n % 2].encode(), headers=headers)
    await producer.stop()


@asynccontextmanager
async def reading(*doors):
    """These at work, each until the end; gives what stops them."""
    stopping = asyncio.Event()
    tasks = [asyncio.create_task(door.run(stopping)) for door in doors]
    try:
        yield tasks
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def until(true):
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.05)


def stored(database):
    wanted = select(Reading.unit_id, Reading.point, Reading.at, Reading.value, Reading.quality)
    with Session(database) as session:
        return sorted(tuple(row) for row in session.execute(wanted))


def count(database):
    with Session(database) as session:
        return session.scalar(select(func.count()).select_from(Reading))


def letters(database):
    with Session(database) as session:
        return session.scalars(select(DeadLetter)).all()


@pytest.mark.parametrize("form", [binary, structured, plain], ids=lambda form: form.__name__)
async def test_kafka_gives_the_same_as_http(tansu, plant, streams, tmp_path, form):
    knobs = streams(tansu)
    async with reading(Reader(knobs, plant, Terms())):
        await send(tansu, knobs.kafka_topic, map(form, range(300)))
        await until(lambda: count(plant) == 300)
    (tmp_path / "http").mkdir()
    other = a_plant(tmp_path / "http")
    body = json.dumps([entry(n) for n in range(300)]).encode()
    arrived = bodies.read(body, "application/json", Bounds(10**6, 1000), Context())
    take(other, arrived, datetime.now(UTC))
    assert stored(plant) == stored(other)
    with Session(plant) as ours, Session(other) as theirs:
        assert ours.get(Latest, ("u1", ZONE)).at == theirs.get(Latest, ("u1", ZONE)).at
    other.dispose()


async def test_mqtt_gives_the_same_and_what_was_sent_meanwhile_waits(mosquitto, plant, streams):
    knobs = streams(mosquitto)
    topic = knobs.mqtt_topic.replace("#", "ahu")
    sender = client(knobs, "sender")
    sender.connect(*address(knobs))
    sender.loop_start()

    def publish(*numbers):
        for n in numbers:
            sender.publish(topic, structured(n)[0], 1).wait_for_publish(10)

    door = Listener(knobs, plant, Terms())
    async with reading(door):
        await until(door.is_ready)
        await asyncio.to_thread(publish, *range(100))
        await until(lambda: count(plant) == 100)
    await asyncio.to_thread(publish, *range(90, 150))
    sender.publish(topic, b"poison", 1).wait_for_publish(10)
    async with reading(Listener(knobs, plant, Terms())):
        await until(lambda: count(plant) == 150 and letters(plant))
    sender.loop_stop()
    assert [(letter.door, letter.place, letter.reason) for letter in letters(plant)] == [("mqtt", topic, "not-json")]


POISON = [
    (b"{", []),
    (b"", []),
    (b"\xff\xfe\x00", [("ce_specversion", b"1.0")]),
    (b"{}", [("ce_specversion", b"2.0")]),
    (b"[" * 50_000, []),
    (b'{"unit_id": "u1", "point": "x\\u0000"}', []),
    (json.dumps({"text": "x" * 900_000}).encode(), []),
    (json.dumps(entry(1) | {"unit_id": "nobody"}).encode(), []),
    (json.dumps(attributes(5) | {"type": "io.hvac.telemetry.v9", "data": entry(1)}).encode(), []),
]


async def test_poison_goes_aside_with_its_reason_and_holds_up_nothing(tansu, plant, streams):
    knobs = streams(tansu)
    mixed = [message for n, poison in enumerate(POISON) for message in (poison, binary(n))]
    async with reading(Reader(knobs, plant, Terms())):
        await send(tansu, knobs.kafka_topic, mixed)
        await until(lambda: count(plant) == len(POISON) and len(letters(plant)) == len(POISON))
        dead = AIOKafkaConsumer(knobs.dead_letters, auto_offset_reset="earliest", **kafka_options(tansu))
        await dead.start()
        found = [json.loads((await asyncio.wait_for(dead.getone(), 20)).value) for _ in POISON]
        await dead.stop()
    reasons = sorted(one["errors"][0]["reason"] for one in found)
    assert reasons == sorted(letter.reason for letter in letters(plant))
    assert reasons == ["event", "event-type", *["not-json"] * 4, "time", "too-large", "unit-unknown"]
    assert {one["source"]["topic"] for one in found} == {knobs.kafka_topic}
    assert all(letter.place.startswith(knobs.kafka_topic) for letter in letters(plant))


async def test_a_message_that_breaks_something_is_taken_alone_and_laid_aside(tansu, plant, streams, monkeypatch):
    knobs, real = streams(tansu), kafka.take

    def breaking(database, records, *more):
        if any(getattr(record, "id", None) == "3" for record in records):
            raise ZeroDivisionError
        return real(database, records, *more)

    monkeypatch.setattr(kafka, "take", breaking)
    async with reading(Reader(knobs, plant, Terms())):
        await send(tansu, knobs.kafka_topic, map(binary, range(10)))
        await until(lambda: count(plant) == 9 and letters(plant))
    (letter,) = letters(plant)
    assert (letter.reason, letter.door) == ("broken", "kafka")


async def test_while_the_database_is_busy_readings_wait_and_none_is_lost(tansu, plant, streams):
    knobs = streams(tansu)
    with plant.connect() as other:
        other.execute(text("BEGIN EXCLUSIVE"))
        async with reading(Reader(knobs, plant, Terms())) as (task,):
            await send(tansu, knobs.kafka_topic, map(binary, range(50)))
            await asyncio.sleep(7)  # longer than anybody waits for a lock
            assert not task.done()
            other.rollback()
            await until(lambda: count(plant) == 50)


async def test_a_second_member_and_its_end_lose_and_double_nothing(tansu, plant, streams):
    knobs = streams(tansu)
    first, second = (Reader(knobs, plant, Terms()) for _ in range(2))
    async with reading(first):
        await send(tansu, knobs.kafka_topic, map(binary, range(1000)))
        async with reading(second):
            await send(tansu, knobs.kafka_topic, map(binary, range(1000, 2000)))
            await until(lambda: count(plant) > 1000)
        await send(tansu, knobs.kafka_topic, map(binary, range(2000, 3000)))
        await until(lambda: count(plant) == 3000)
    assert letters(plant) == []


async def test_members_that_come_and_go_while_one_is_storing_lose_nothing(tansu, plant, streams):
    knobs = streams(tansu)

    class Slow(Reader):
        """Is always storing when it is told that others come or go."""

        def _take(self, several):
            time.sleep(0.3)
            return super()._take(several)

    await create_topics(knobs, kafka_options(tansu))
    async with reading(Slow(knobs, plant, Terms())):
        for round_of in range(2):
            await send(tansu, knobs.kafka_topic, map(binary, range(round_of * 3000, (round_of + 1) * 3000)))
            await until(lambda begun=round_of * 3000: count(plant) > begun + 100)
            async with reading(Slow(knobs, plant, Terms())):
                await asyncio.sleep(3)
        await until(lambda: count(plant) == 6000)


async def test_a_process_that_is_killed_loses_nothing_and_doubles_nothing(tansu, plant, streams, tmp_path):
    knobs = streams(tansu)
    env = {name: value for name, value in os.environ.items() if not name.startswith("FOREWATT_")} | {
        "FOREWATT_DATA": str(tmp_path), "FOREWATT_KAFKA_URL": tansu, "FOREWATT_KAFKA_TOPIC": knobs.kafka_topic,
        "FOREWATT_KAFKA_GROUP": knobs.kafka_group, "FOREWATT_METRICS_PORT": "0", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-m", "gateway.stream"]

    def start():
        return subprocess.Popen(command, env=env, stderr=subprocess.PIPE)  # noqa: S603

    await create_topics(knobs, kafka_options(tansu))
    await send(tansu, knobs.kafka_topic, map(binary, range(3000)))
    with start() as killed:
        await until(lambda: count(plant) > 0)
        killed.kill()
    with start() as other:
        await send(tansu, knobs.kafka_topic, map(binary, range(2900, 4000)))
        await until(lambda: count(plant) == 4000)
        other.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(other.wait, 20) == 0
        assert b"ready" in other.stderr.read()
    assert letters(plant) == []


async def test_what_was_sent_since_a_moment_can_be_taken_again(noida, plant, streams):
    knobs = streams(noida)
    await create_topics(knobs, kafka_options(noida))
    async with reading(Reader(knobs, plant, Terms())):
        await send(noida, knobs.kafka_topic, map(plain, range(100)))
        await until(lambda: count(plant) == 100)
    with Session(plant) as session, session.begin():
        session.execute(delete(Reading))
        session.execute(delete(Latest))
    async with reading(Reader(knobs, plant, Terms(), NOW - timedelta(days=1))):
        await until(lambda: count(plant) == 100)


async def test_topics_are_made_once_however_often_they_are_wanted(noida, streams):
    for _ in range(2):
        await create_topics(streams(noida), kafka_options(noida))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({}, "FOREWATT_KAFKA_URL, such as"),
        ({"FOREWATT_KAFKA_URL": "127.0.0.1:9092"}, "FOREWATT_KAFKA_URL: "),
        ({"FOREWATT_MQTT_URL": "mqtt://"}, "FOREWATT_MQTT_URL: "),
    ],
)
def test_without_a_broker_that_can_be_reached_it_says_what_to_set(knobs, said, monkeypatch, capsys):
    from gateway import stream  # noqa: PLC0415 - it is the program

    for name, value in knobs.items():
        monkeypatch.setenv(name, value)
    assert stream.main([]) == 2
    assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        stream.main(["--replay-from", "2026-05-01"])
