"""An alarm light that listens to MQTT: the broker keeps its state, so that a light that was off finds it."""

from __future__ import annotations

import asyncio
import json

import aiomqtt

from gateway.channels import addresses, lamps
from gateway.channels.parcel import ANSWER_S, MOST_S, Parcel, SendError
from gateway.channels.targets import MqttTarget


def send(target: MqttTarget, parcel: Parcel) -> str:
    """What happened, in words. Raises ``SendError``."""
    state = lamps.state(parcel.lit, target.flashing_from)
    message = {"state": state, "level": parcel.lit, "notice": str(parcel.notice.id), "at": parcel.notice.at.isoformat()}
    try:
        addresses.allowed(target.host, target.port, cloud=False)
        asyncio.run(_publish(target, json.dumps(message) if target.message == "json" else state))
    except (aiomqtt.MqttError, OSError, TimeoutError) as wrong:
        why = str(wrong) or type(wrong).__name__
        raise SendError(f"The broker {target.host}:{target.port} did not take it: {why}.") from None
    return f"The broker {target.host}:{target.port} keeps {target.topic}: {state}."


async def _publish(target: MqttTarget, payload: str) -> None:
    client = aiomqtt.Client(
        target.host,
        target.port,
        username=target.username,
        password=target.password,
        timeout=ANSWER_S,
        tls_params=aiomqtt.TLSParameters() if target.tls else None,
    )
    async with asyncio.timeout(MOST_S - 1), client:
        await client.publish(target.topic, payload, qos=1, retain=True)
