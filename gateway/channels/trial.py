"""The test of a channel: one notice sent now over this channel alone, kept with what came of it, not tried again."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Engine

from gateway import store
from gateway.channels import claims, outbox
from gateway.channels.claims import Errand
from gateway.channels.notice import Notice
from gateway.channels.sending import Outcome
from gateway.channels.tables import Channel, Delivery
from gateway.channels.targets import LIGHTS
from gateway.settings import Settings

LEVEL = 3
SHOWN_S = 1.0  # for which a light is lit


def run(database: Engine, settings: Settings, channel: Channel, by: str) -> tuple[UUID, Outcome]:
    """The notice's id and what happened."""
    now = datetime.now(UTC)
    notice = _notice(now, by)
    errand = _begun(database, settings, channel, notice, now)
    outcome = claims.carried_out(errand)
    if outcome.sent and channel.kind in LIGHTS:
        time.sleep(SHOWN_S)
        outcome = _put_back(database, errand, outcome)
    _ended(database, errand, outcome)
    return notice.id, outcome


def _notice(now: datetime, by: str) -> Notice:
    said = {"simulated": False, "by": by}
    return Notice(uuid4(), None, "test", LEVEL, "", "Forewatt", "", None, now, details=said)


def _begun(database: Engine, settings: Settings, channel: Channel, notice: Notice, now: datetime) -> Errand:
    with store.transaction(database) as session:
        session.add(outbox.stored(notice, now))
        session.flush()
        delivery = outbox.delivery(notice.id, channel.chain, notice.level, 0, now)
        delivery.status, delivery.attempt, delivery.channel_id = "testing", 1, channel.id
        session.add(delivery)
        session.add(claims.attempted((notice.id, channel.chain, 1), channel, now, again=False))
        parcel = claims.parcel_of(session, settings, channel, notice, key=str(notice.id), again=False)
        refusal = claims.capped(session, channel, now)
    if channel.kind in LIGHTS:
        parcel = replace(parcel, lit=LEVEL)
    return Errand(notice.id, channel.chain, 1, claims.way(channel), parcel, (channel.id,), refusal)


def _put_back(database: Engine, errand: Errand, shown: Outcome) -> Outcome:
    """To what the light is to show; where it does not go back, that is what is told."""
    with store.transaction(database) as session:
        lit = claims.lit(session)
    after = claims.carried_out(replace(errand, parcel=replace(errand.parcel, lit=lit)))
    return Outcome(after.sent, f"{shown.said} After {SHOWN_S:.0f} second: {after.said}", after.unsure, after.hopeless)


def _ended(database: Engine, errand: Errand, outcome: Outcome) -> None:
    now = datetime.now(UTC)
    with store.transaction(database) as session:
        claims.ended(session, errand, outcome, now)
        delivery = session.get_one(Delivery, (errand.notice, errand.chain))
        delivery.status = "delivered" if outcome.sent else "failed"
        if outcome.sent:
            claims.note_health(session, errand.way.id, errand.chain, now, works=True, tried=False)
