"""`python -m gateway.stream`: readings from Kafka and MQTT, by a process of its own, of which there may be several."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka.errors import KafkaError
from pydantic import ValidationError

from gateway import configuration, logs, metrics, store
from gateway.settings import Settings, complaints
from gateway.telemetry.arrivals import terms
from gateway.telemetry.kafka import Reader
from gateway.telemetry.mqtt import Listener
from gateway.telemetry.streams import Streams

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
AGAIN_S = 2.0
NOWHERE = "Set FOREWATT_KAFKA_URL, such as kafka://127.0.0.1:9092, or FOREWATT_MQTT_URL, such as mqtt://127.0.0.1.\n"

log = logging.getLogger(__name__)


def main(words: Sequence[str] | None = None) -> int:
    """2 for a bad configuration, else 0 when it was told to stop and has."""
    asked = _arguments().parse_args(words)
    try:
        settings, streams = Settings(), Streams()
    except ValidationError as wrong:
        sys.stderr.write(complaints(wrong))
        return 2
    wrongs = configuration.refusals(settings)
    if streams.kafka_url is None and streams.mqtt_url is None:
        wrongs = [*wrongs, NOWHERE.strip()]
    if wrongs:
        sys.stderr.write("".join(f"{why}\n" for why in wrongs))
        return 2
    logs.configure()
    metrics.expose(settings.metrics_host, settings.metrics_port)
    asyncio.run(_stream(settings, streams, asked.replay_from))
    return 0


async def _stream(settings: Settings, streams: Streams, since: datetime | None) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    database = store.connect(settings.database)
    doors: list[Reader | Listener] = []
    if streams.kafka_url is not None:
        doors.append(Reader(streams, database, terms(settings), since))
    if streams.mqtt_url is not None:
        doors.append(Listener(streams, database, terms(settings)))
    await asyncio.gather(*(_again_and_again(door, stopping) for door in doors))
    database.dispose()


async def _again_and_again(door: Reader | Listener, stopping: asyncio.Event) -> None:
    """A broker may be away, at the start too."""
    while not stopping.is_set():
        try:
            await door.run(stopping)
        except (KafkaError, OSError) as why:
            log.warning("the broker does not answer", extra={"reason": str(why)})
            await asyncio.sleep(AGAIN_S)


def _moment(word: str) -> datetime:
    if word == "beginning":
        return BEGINNING
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - no moment
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError("write beginning, or a time with its offset, as 2026-05-01T08:00:00+02:00")
    return found


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.stream", description=__doc__)
    what = "begin anew at what was sent to Kafka then, whatever was committed; what is stored already stays as it is"
    parser.add_argument("--replay-from", type=_moment, metavar="TIME", help=what)
    return parser


if __name__ == "__main__":
    sys.exit(main())
