"""Readings from a topic of Kafka: committed once they are durable, and what cannot be read once its letter lies there.

A member that loses partitions has finished what it had begun, or drops it; whoever gets them begins at what was
committed. What comes twice by that is known by its event and by its moment.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import IllegalStateError, KafkaError, for_code
from sqlalchemy import Engine

from gateway.errors import Problem
from gateway.telemetry import messages
from gateway.telemetry.arrivals import Terms, take
from gateway.telemetry.entries import kept
from gateway.telemetry.letters import Door
from gateway.telemetry.records import Arrival, Receipt, Refused
from gateway.telemetry.streams import Streams, kafka_options

MOST = 500  # messages in one transaction
WAIT_MS = 200
AWAY_S = 1.0  # after which a database that did not answer is asked again
SILENT_MS = 10_000  # after which the others take over from a member
EXISTS = 36

log = logging.getLogger(__name__)

Messages = Sequence[ConsumerRecord[bytes, bytes]]


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]
    """One member of the group. ``since`` begins anew at what was sent then, whatever was committed."""

    def __init__(self, streams: Streams, database: Engine, terms: Terms, since: datetime | None = None) -> None:
        self._streams, self._database, self._terms, self._since = streams, database, terms, since
        self._options = kafka_options(streams.kafka)
        self._turn = asyncio.Lock()  # held while something is being stored
        self._replayed: set[TopicPartition] = set()
        self._away_until = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Until it is told to stop; what has begun is finished."""
        await create_topics(self._streams, self._options)
        self._consumer = AIOKafkaConsumer(
            group_id=self._streams.kafka_group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SILENT_MS,
            heartbeat_interval_ms=SILENT_MS // 5,
            **self._options,
        )
        self._producer = AIOKafkaProducer(acks="all", **self._options)
        self._consumer.subscribe([self._streams.kafka_topic], listener=self)
        await self._producer.start()
        try:
            await self._consumer.start()
            log.info("ready", extra={"topic": self._streams.kafka_topic, "group": self._streams.kafka_group})
            while not stopping.is_set():
                await self._read()
        finally:
            await self._consumer.stop()
            await self._producer.stop()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Waits for what is being stored."""
        async with self._turn:
            pass

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begins where it is told to, once for each partition; else at what was committed."""
        if self._away_until:
            self._consumer.pause(*assigned)
        if self._since is None or not (new := assigned - self._replayed):
            return
        self._replayed |= new
        stamp = int(self._since.timestamp() * 1000)
        found = await self._consumer.offsets_for_times(dict.fromkeys(new, stamp))
        for partition, place in found.items():
            if place is not None:
                self._consumer.seek(partition, place.offset)

    async def _read(self) -> None:
        if self._away_until and time.monotonic() > self._away_until:
            self._away_until = 0.0
            self._consumer.resume(*self._consumer.paused())
        fetched = await self._consumer.getmany(timeout_ms=WAIT_MS, max_records=MOST)
        async with self._turn:
            # What is another's now is dropped. What is ours must not be, whenever it was fetched: `getmany` itself
            # waits for a new assignment and goes on behind what it gives.
            mine = self._consumer.assignment()
            fetched = {place: several for place, several in fetched.items() if place in mine}
            if not fetched:
                return
            try:
                await self._store([message for several in fetched.values() for message in several])
            except (Problem, KafkaError) as why:
                self._hold(fetched, why)
            else:
                await self._commit({place: several[-1].offset + 1 for place, several in fetched.items()})

    async def _store(self, several: Messages) -> None:
        """Durable when this returns: the readings, and the letters of the rest."""
        receipt = await asyncio.to_thread(self._take, several)
        by_line: defaultdict[int, list[Refused]] = defaultdict(list)
        for one in receipt.refused:
            by_line[one.line].append(one)
        sent = [await self._bury(several[line - 1], refused) for line, refused in by_line.items()]
        await asyncio.gather(*sent)

    def _take(self, several: Messages) -> Receipt:
        """One that breaks something, whatever it is, must hold up no other: then each is taken alone."""
        try:
            return self._take_all(several)
        except Problem:
            raise
        except Exception:
            log.exception("a batch broke, and is taken message by message")
        whole = Receipt()
        for line, message in enumerate(several, 1):
            try:
                found = self._take_all([message])
            except Problem:
                raise
            except Exception as wrong:
                said = f"It broke something here: {type(wrong).__name__}."
                broken = Refused(1, "broken", said, kept(message.value or b""))
                found = self._take_arrivals([message], [broken])
            whole.refused += [one._replace(line=line) for one in found.refused]
        return whole

    def _take_all(self, several: Messages) -> Receipt:
        arrivals: list[Arrival] = []
        for line, message in enumerate(several, 1):
            key = message.key.decode(errors="replace") if message.key else None
            arrivals += messages.read(line, message.value, _headers(message), key)
        return self._take_arrivals(several, arrivals)

    def _take_arrivals(self, several: Messages, arrivals: Sequence[Arrival]) -> Receipt:
        door = Door("kafka", [_place(message) for message in several])
        return take(self._database, arrivals, datetime.now(UTC), self._terms, door)

    async def _bury(self, message: ConsumerRecord[bytes, bytes], refused: Sequence[Refused]) -> asyncio.Future[Any]:
        source = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
        value = messages.envelope(source, message.value or b"", _headers(message), refused)
        headers = [(messages.CONTENT_TYPE, b"application/json")]
        sent: asyncio.Future[Any] = await self._producer.send(
            self._streams.dead_letters, value, key=message.key, headers=headers
        )
        return sent

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            await self._consumer.commit(dict(offsets))
        except (KafkaError, IllegalStateError) as why:  # whoever has the partitions now begins before these
            log.warning("what was stored could not be committed; it will come again", extra={"reason": str(why)})

    def _hold(self, fetched: Mapping[TopicPartition, Messages], why: Exception) -> None:
        """Nothing more is fetched for a moment, and then the same again; meanwhile it stays a member."""
        if not self._away_until:
            log.warning("readings wait", extra={"reason": str(why)})
        for place, several in fetched.items():
            with suppress(IllegalStateError):  # another's by now, who begins at what was committed
                self._consumer.seek(place, several[0].offset)
        with suppress(IllegalStateError):
            self._consumer.pause(*self._consumer.assignment())
        self._away_until = time.monotonic() + AWAY_S


async def create_topics(streams: Streams, options: Mapping[str, Any]) -> None:
    """Both topics are there when this returns, whoever made them. Raises ``KafkaError``."""
    kept = {"retention.ms": str(streams.kafka_retention_hours * 3_600_000)}
    wanted = [
        NewTopic(streams.kafka_topic, streams.kafka_partitions, 1, topic_configs=kept),
        NewTopic(streams.dead_letters, 1, 1, topic_configs=kept),
    ]
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        for topic in wanted:
            answer = await admin.create_topics([topic])
            for _, code, *_ in answer.topic_errors:
                if code not in {0, EXISTS}:
                    raise for_code(code)(f"{topic.name} cannot be made")
    finally:
        await admin.close()


def _headers(message: ConsumerRecord[bytes, bytes]) -> dict[str, str]:
    return {name.lower(): value.decode(errors="replace") for name, value in message.headers or ()}


def _place(message: ConsumerRecord[bytes, bytes]) -> str:
    return f"{message.topic}/{message.partition}@{message.offset}"
