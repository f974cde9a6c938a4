"""`python -m gateway.produce FILE`: plays a file of readings to a gateway, Kafka or MQTT, as fast as is wanted."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from forewatt import Client, ProblemError, UnreachableError
from gateway.errors import Problem
from gateway.telemetry import bodies, mqtt
from gateway.telemetry.bodies import Bounds, Context
from gateway.telemetry.entries import EVENT_TYPE
from gateway.telemetry.records import Record
from gateway.telemetry.streams import Streams, kafka_options

TYPES = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": "application/json",
}
BOUNDS = Bounds(2**31, 50_000_000)
TICK_S = 0.1  # what is due within it goes together
MOST = 5000  # readings in one request
LOCAL = "http://127.0.0.1:8080"
SOURCE = "urn:forewatt:produce"


def main(words: Sequence[str] | None = None) -> int:
    """2 where the file or the address is wrong, 1 where what was sent was refused or lost, else 0."""
    asked = _arguments().parse_args(words)
    try:
        records = _read(asked)
    except (OSError, Problem) as wrong:
        sys.stderr.write(f"{wrong.detail if isinstance(wrong, Problem) else wrong}\n")
        return 2
    began, sent = time.monotonic(), 0
    try:
        with ExitStack() as stack:
            sink = _sink(asked, stack)
            for batch in _played(records, asked.speed):
                sink.send(batch)
                sent += len(batch)
    except (ProblemError, UnreachableError, KafkaError, OSError) as why:
        sys.stderr.write(f"after {sent} readings: {why}\n")
        return 1
    seconds = time.monotonic() - began
    sys.stdout.write(f"{sent} readings in {seconds:.1f} s\n{sink.said()}")
    return 1 if sink.refused else 0


class Sink(ABC):
    """Where readings go."""

    refused = 0

    @abstractmethod
    def send(self, records: Sequence[Record]) -> None:
        """Taken when this returns."""

    def said(self) -> str:
        """What it has answered."""
        return ""


class Http(Sink):
    """A gateway; tries again, each request under a key of its own."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._accepted = self._duplicates = 0

    def send(self, records: Sequence[Record]) -> None:
        """In requests of a few thousand."""
        for begin in range(0, len(records), MOST):
            answer = self._client.send_readings([record.given() for record in records[begin : begin + MOST]])
            self._accepted, self._duplicates = self._accepted + answer.accepted, self._duplicates + answer.duplicates
            self.refused += answer.refused
            for error in answer.errors[:3]:
                sys.stderr.write(f"refused: {error['message']} {error['remedy']}\n")

    def said(self) -> str:
        """Counts."""
        return f"{self._accepted} accepted, {self._duplicates} there already, {self.refused} refused\n"


class Kafka(Sink):
    """A topic: an event for each unit and batch, in binary mode, its key the unit."""

    def __init__(self, streams: Streams, stack: ExitStack) -> None:
        self._topic = streams.kafka_topic
        self._loop = stack.enter_context(asyncio.Runner())
        self._producer = self._loop.run(_started(streams))
        stack.callback(lambda: self._loop.run(self._producer.stop()))

    def send(self, records: Sequence[Record]) -> None:
        """Acknowledged by the broker."""
        self._loop.run(self._send(records))

    async def _send(self, records: Sequence[Record]) -> None:
        waiting = []
        for unit, entries in _by_unit(records):
            headers = [(f"ce_{name}", value.encode()) for name, value in _attributes().items()]
            headers.append(("content-type", b"application/json"))
            value = json.dumps(entries).encode()
            waiting.append(await self._producer.send(self._topic, value, key=unit.encode() or None, headers=headers))
        await asyncio.gather(*waiting)


class Mqtt(Sink):
    """An event for each unit and batch, in structured mode."""

    def __init__(self, streams: Streams, stack: ExitStack) -> None:
        self._topic = streams.mqtt_topic.rstrip("/#")
        self._client = mqtt.client(streams, f"produce-{uuid4().hex[:8]}")
        self._client.connect(*mqtt.address(streams))
        self._client.loop_start()
        stack.callback(self._client.loop_stop)
        stack.callback(self._client.disconnect)

    def send(self, records: Sequence[Record]) -> None:
        """Acknowledged by the broker."""
        for _, entries in _by_unit(records):
            event = _attributes() | {"data": entries}
            self._client.publish(self._topic, json.dumps(event), mqtt.LEAST_ONCE).wait_for_publish(30)


async def _started(streams: Streams) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(acks="all", **kafka_options(streams.kafka))
    await producer.start()
    return producer


def _sink(asked: argparse.Namespace, stack: ExitStack) -> Sink:
    kind = asked.to.partition("://")[0]
    if kind in {"kafka", "kafkas"}:
        return Kafka(Streams(kafka_url=asked.to), stack)
    if kind in {"mqtt", "mqtts"}:
        return Mqtt(Streams(mqtt_url=asked.to), stack)
    return Http(stack.enter_context(Client(asked.to, asked.key.read_text().strip() if asked.key else None)))


def _read(asked: argparse.Namespace) -> list[Record]:
    """The file's records by time, moved so that the last is now where that is asked; what is wrong is told."""
    context = Context(asked.unit_id, ZoneInfo(asked.timezone) if asked.timezone else None)
    kind = TYPES.get(asked.file.suffix.lower(), "text/csv")
    records = []
    for arrival in bodies.read(asked.file.read_bytes(), kind, BOUNDS, context):
        if isinstance(arrival, Record):
            records.append(arrival)
        else:
            sys.stderr.write(f"line {arrival.line}: {arrival.message} {arrival.remedy}\n")
    records.sort(key=lambda record: record.at)
    if asked.ends_now and records:
        later = datetime.now(UTC) - records[-1].at
        records = [record._replace(at=record.at + later) for record in records]
    return records


def _played(records: Sequence[Record], speed: float) -> Iterator[list[Record]]:
    """What is due together, when it is due; at once where no speed is given."""
    if not records:
        return
    first, began = records[0].at, time.monotonic()
    tick = timedelta(seconds=TICK_S * speed) if speed else timedelta.max
    for n, batch in groupby(records, lambda record: (record.at - first) // tick):
        if speed:
            time.sleep(max(0.0, began + n * TICK_S - time.monotonic()))
        yield list(batch)


def _by_unit(records: Sequence[Record]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for unit, several in groupby(sorted(records, key=_unit), _unit):
        entries = [record.given() for record in several]
        for begin in range(0, len(entries), MOST // 5):  # so that no message is too long
            yield unit, entries[begin : begin + MOST // 5]


def _unit(record: Record) -> str:
    return record.unit_id or ""


def _attributes() -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": SOURCE, "type": EVENT_TYPE}


def _speed(word: str) -> float:
    speed = float(word)
    if not 0 <= speed <= 1000:
        raise ValueError
    return speed


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.produce", description=__doc__)
    parser.add_argument("file", type=Path, help="CSV, NDJSON or JSON as POST /api/v1/telemetry takes it")
    parser.add_argument("--to", default=LOCAL, metavar="URL", help="http://…, kafka://… or mqtt://… (%(default)s)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="with the gateway's key, such as .forewatt/local.key")
    what = "times as fast as the file's own clock, up to 1000; 0: all at once (%(default)s)"
    parser.add_argument("--speed", type=_speed, default=1.0, help=what)
    parser.add_argument("--unit-id", help="of a CSV whose columns are points of one unit")
    parser.add_argument("--timezone", help="of times without an offset, as IANA names it")
    parser.add_argument("--ends-now", action="store_true", help="move all times so that the last one is now")
    return parser


if __name__ == "__main__":
    sys.exit(main())
