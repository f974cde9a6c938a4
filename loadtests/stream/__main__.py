"""R3: ``python -m loadtests.stream`` sends messages to a topic while processes that take them are killed and started.

R3: readings that were lost or stored twice; R3b: messages a second meanwhile. R4: seconds until a good message behind a
poisonous one is stored, the longest of twenty. The broker is Tansu, which is no genuine Kafka; ``--broker`` names
another. Poison and kills are told apart by their turns: first the one, then the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from sqlalchemy import Engine, func, select

from bentos.fault.points import CONVERSIONS, POINTS
from gateway import store
from gateway.equipment.tables import Unit, UnitPoint
from gateway.telemetry.kafka import create_topics
from gateway.telemetry.streams import Streams, kafka_options
from gateway.telemetry.tables import DeadLetter, Reading
from loadtests import brokers
from loadtests.servers import Running, Starter
from loadtests.slo import VoidError
from training.measured import record

COMMAND = "python -m loadtests.stream"
STREAM = (sys.executable, "-m", "gateway.stream")
MESSAGES, MEMBERS, KILLED_EVERY_S = 1_000_000, 2, 25.0  # a dead member is missed for ten
UNITS, POISONS = 50, 20
NAMES = list(POINTS)
SILENT_S = 90.0  # without one more reading, after which all that comes has come


def main(words: Sequence[str] | None = None) -> int:
    """Exit 0, 1 where something was lost or doubled, or 2 where the run is void; short runs are not written."""
    asked = _options().parse_args(words)
    try:
        with tempfile.TemporaryDirectory(prefix="stream") as folder, _broker(asked.broker) as url:
            figures = asyncio.run(_drill(Path(folder), url, asked.messages))
    except VoidError as why:
        print(f"void: {why}")
        return 2
    print("\n".join(f"{name}: {value:.4g}" for name, value in figures.items()))
    if asked.measured:
        command = COMMAND if asked.messages == MESSAGES else f"{COMMAND} --messages {asked.messages}"
        record(asked.measured, figures, command)
    return 1 if figures["R3"] else 0


@contextmanager
def _broker(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
    else:
        with brokers.tansu() as started:
            yield started


async def _drill(folder: Path, url: str, messages: int) -> dict[str, float]:
    streams = Streams(kafka_url=url, kafka_topic=f"r3-{uuid4().hex[:8]}", kafka_group=f"r3-{uuid4().hex[:8]}")
    with ExitStack() as stack:
        start = Starter(folder, stack)
        database = _plant(start)
        stack.callback(database.dispose)
        options = kafka_options(url)
        await create_topics(streams, options)
        knobs = {"FOREWATT_KAFKA_URL": url, "FOREWATT_KAFKA_TOPIC": streams.kafka_topic}
        knobs |= {"FOREWATT_KAFKA_GROUP": streams.kafka_group, "FOREWATT_METRICS_PORT": "0"}
        members = [start.begun(STREAM, None, knobs) for _ in range(MEMBERS)]
        producer = AIOKafkaProducer(**options)
        await producer.start()
        try:
            blocked_s = await _poison(producer, streams.kafka_topic, database)
            began = time.monotonic()
            sending = asyncio.create_task(_send(producer, streams.kafka_topic, messages))
            seconds = await _until_all(database, messages, members)
            await sending
        finally:
            await producer.stop()
        found = _stored(database) - POISONS
        print(f"{found} of {messages} stored in {seconds - SILENT_S * (found != messages):.0f} s", flush=True)
        took = time.monotonic() - began
    return {"R3": float(abs(messages - found)), "R3b": messages / took, "R4": blocked_s}


def _plant(start: Starter) -> Engine:
    database = store.connect(f"sqlite:///{start.folder / 'data' / 'forewatt.db'}")
    store.migrate(database)
    now, by = datetime.now(UTC), {"changed_by": UUID(int=0), "changed_by_name": "drill"}
    with store.transaction(database) as session:
        for n in range(UNITS):
            session.add(Unit(id=f"u{n}", name=f"u{n}", kind="AHU", created_at=now, changed_at=now, **by))
            session.flush()
            for name, point in POINTS.items():
                session.add(UnitPoint(unit_id=f"u{n}", point=name, uom=next(iter(CONVERSIONS[point.quantity]))))
    return database


def _message(n: int, since: datetime) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """The n-th reading; each is of another unit, point or second."""
    second, place = divmod(n, UNITS * len(NAMES))
    unit, point = f"u{place % UNITS}", NAMES[place // UNITS]
    at = (since + timedelta(seconds=second)).isoformat()
    value = json.dumps(
        {"unit_id": unit, "point": point, "at": at, "value": (POINTS[point].low + POINTS[point].high) / 2}
    )
    headers = {"specversion": "1.0", "id": f"{n}-{at}", "source": "/drill", "type": "io.hvac.telemetry.v1"}
    return unit.encode(), value.encode(), [(f"ce_{name}", said.encode()) for name, said in headers.items()]


async def _send(producer: AIOKafkaProducer, topic: str, messages: int) -> None:
    """Every message at least once, one in fifty twice."""
    since, dice = datetime.now(UTC) - timedelta(days=1), random.Random(1)  # noqa: S311 - a drill
    refused: list[BaseException] = []

    def look(sent: asyncio.Future[object]) -> None:
        if (why := sent.exception()) is not None:
            refused.append(why)

    for n in range(messages):
        key, value, headers = _message(n, since)
        for _ in range(2 if dice.random() < 0.02 else 1):
            (await producer.send(topic, value, key=key, headers=headers)).add_done_callback(look)
    await producer.flush()
    if refused:
        raise VoidError(f"the broker did not take {len(refused)} messages: {refused[0]!r}")


async def _poison(producer: AIOKafkaProducer, topic: str, database: Engine) -> float:
    """How long a good message behind a poisonous one takes at most, once the members are at work."""
    longest, since = 0.0, datetime.now(UTC) - timedelta(days=2)
    for n in range(POISONS):
        key, value, headers = _message(n, since)
        await producer.send_and_wait(topic, b"\xff" * 1000, key=key)
        began = time.monotonic()
        await producer.send_and_wait(topic, value, key=key, headers=headers)
        while _stored(database) <= n:
            if time.monotonic() - began > SILENT_S:
                raise VoidError("nothing is stored")
            await asyncio.sleep(0.01)
        if n:  # the first one waits for the members
            longest = max(longest, time.monotonic() - began)
    with store.transaction(database) as session:
        if session.scalar(select(func.count()).select_from(DeadLetter)) == 0:
            raise VoidError("poison left no letter")
    return longest


async def _until_all(database: Engine, messages: int, members: Sequence[Running]) -> float:
    """Kills one member after the other meanwhile, and starts it again; gives the seconds."""
    began = changed = killed = time.monotonic()
    seen, turn = 0, 0
    while seen < messages + POISONS and time.monotonic() - changed < SILENT_S:
        await asyncio.sleep(1)
        if (now := _stored(database)) != seen:
            seen, changed = now, time.monotonic()
        if time.monotonic() - killed > KILLED_EVERY_S:
            member, turn, killed = members[turn % len(members)], turn + 1, time.monotonic()
            await asyncio.to_thread(member.kill)
            member.start()
    print(f"{turn} kills", flush=True)
    return time.monotonic() - began


def _stored(database: Engine) -> int:
    with store.transaction(database) as session:
        return session.scalar(select(func.count()).select_from(Reading)) or 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    options.add_argument("--messages", type=int, default=MESSAGES, help="to be stored once each (%(default)s)")
    options.add_argument(
        "--broker", metavar="URL", help="such as kafka://127.0.0.1:9092, instead of a Tansu of its own"
    )
    options.add_argument("--measured", type=Path, help="docs/measured.json, to write the figures there")
    return options


if __name__ == "__main__":
    sys.exit(main())
