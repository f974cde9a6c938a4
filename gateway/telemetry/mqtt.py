"""Readings by MQTT: acknowledged once they are durable, so that the broker keeps what was not.

The broker sends only so many that are not acknowledged, which is all the holding back that is needed.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sys
import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import Engine

from gateway.errors import Problem
from gateway.telemetry import messages
from gateway.telemetry.arrivals import Terms, take
from gateway.telemetry.letters import Door
from gateway.telemetry.records import Arrival, Refused
from gateway.telemetry.streams import PORTS, Streams

MOST = 500  # messages in one transaction
WAIT_S, AWAY_S = 0.2, 1.0
LEAST_ONCE = 1  # quality of service

log = logging.getLogger(__name__)


class Listener:
    """A client that is known by its name, so that the broker keeps messages for it while it is away."""

    def __init__(self, streams: Streams, database: Engine, terms: Terms) -> None:
        self._streams, self._database, self._terms = streams, database, terms
        self._waiting: queue.Queue[MQTTMessage] = queue.Queue()
        self._subscribed = threading.Event()
        self._client = client(streams, streams.mqtt_client, manual_ack=True)
        self._client.on_connect = self._subscribe
        self._client.on_connect_fail = _tell
        self._client.on_message = lambda _, __, message: self._waiting.put(message)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until it is told to stop. Nobody need be there at the start, nor all the time."""
        self._client.connect_async(*address(self._streams))
        self._client.loop_start()
        try:
            while not stopping.is_set():
                several = await asyncio.to_thread(self._some)
                while several and not stopping.is_set() and not await asyncio.to_thread(self._take, several):
                    await asyncio.sleep(AWAY_S)
        finally:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def is_ready(self) -> bool:
        """Whether the broker has taken the subscription at least once."""
        return self._subscribed.is_set()

    def _subscribe(self, client: Client, _: object, __: ConnectFlags, code: ReasonCode, ___: Properties | None) -> None:
        if code.is_failure:
            log.warning("the MQTT broker refuses us", extra={"reason": str(code)})
            return
        client.subscribe(self._streams.mqtt_topic, LEAST_ONCE)
        self._subscribed.set()
        log.info("ready", extra={"topic": self._streams.mqtt_topic})

    def _some(self) -> list[MQTTMessage]:
        found: list[MQTTMessage] = []
        try:
            found.append(self._waiting.get(timeout=WAIT_S))
            while len(found) < MOST:
                found.append(self._waiting.get_nowait())
        except queue.Empty:
            pass
        return found

    def _take(self, several: list[MQTTMessage]) -> bool:
        """Whether they are durable and acknowledged; one that breaks something is taken for a dead letter."""
        try:
            self._store(several)
        except Problem as why:
            log.warning("readings wait", extra={"reason": str(why)})
            return False
        except Exception:
            log.exception("a batch broke")
            if len(several) == 1:
                self._store(several, broken=True)
            else:
                return all(self._take([message]) for message in several)
        for message in several:
            self._client.ack(message.mid, message.qos)
        return True

    def _store(self, several: list[MQTTMessage], *, broken: bool = False) -> None:
        arrivals: list[Arrival] = []
        for line, message in enumerate(several, 1):
            if broken:
                arrivals.append(Refused(line, "broken", "It broke something here.", {"text": message.topic}))
            else:
                arrivals += messages.read(line, bytes(message.payload), {})
        door = Door("mqtt", [message.topic for message in several])
        take(self._database, arrivals, datetime.now(UTC), self._terms, door)


def _tell(_: Client, __: object) -> None:
    """Called while the reason is being handled, which paho keeps to itself; it tries again after a while."""
    log.warning("the broker does not answer", extra={"reason": str(sys.exc_info()[1])})


def client(streams: Streams, name: str, **options: Any) -> Client:  # noqa: ANN401 - paho's
    """A client with the name and password of the URL, over TLS where it says so."""
    found = urlsplit(streams.mqtt)
    made = Client(CallbackAPIVersion.VERSION2, name, clean_session=not options, **options)
    if found.username:
        made.username_pw_set(unquote(found.username), unquote(found.password or ""))
    if found.scheme == "mqtts":
        made.tls_set()
    return made


def address(streams: Streams) -> tuple[str, int]:
    """Host and port."""
    found = urlsplit(streams.mqtt)
    return str(found.hostname), found.port or PORTS[found.scheme]
