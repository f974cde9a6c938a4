"""One sending of one notice by one chain: claimed under a lease, carried out, and what came of it written down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Engine, Update, func, select, update
from sqlalchemy.orm import Session

from gateway import store
from gateway.channels import chain, receipts, sending
from gateway.channels import notice as notices
from gateway.channels.notice import Notice
from gateway.channels.parcel import MOST_S, Parcel, unnoted
from gateway.channels.sending import Outcome
from gateway.channels.tables import Attempt, Channel, Delivery, Lamp, StoredNotice
from gateway.channels.targets import LIGHTS
from gateway.channels.texts import Voice, clock_of
from gateway.channels.wording import wanted
from gateway.settings import Settings
from gateway.tables import table_of

log = logging.getLogger(__name__)

OPEN = ("waiting", "sending")  # then: delivered, expired; of a test: failed
LEASE_S = 2 * MOST_S + 2
NOBODY_S = 600.0  # until it is looked again whether the chain has a channel
KEPT = timedelta(days=7)  # what nobody could be told for so long is told no more
DAY = timedelta(days=1)
DELIVERIES, ATTEMPTS = table_of(Delivery), table_of(Attempt)
LOST = "Whoever sent it ended without a word; it may have arrived."
TAKEN = "It was taken; whoever sent it ended before the database knew."


@dataclass(frozen=True, slots=True)
class Way:
    """A channel as it was when it was claimed."""

    id: UUID
    name: str
    kind: str
    target: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Errand:
    """The right to send, as long as the lease lasts; ``others`` are all channels that may be asked.

    ``refusal`` says why it is not even tried.
    """

    notice: UUID
    chain: str
    attempt: int
    way: Way
    parcel: Parcel
    others: tuple[UUID, ...]
    refusal: str | None


@store.retried
def claim(database: Engine, settings: Settings, which: tuple[UUID, str], now: datetime) -> Errand | None:
    """The next sending, for one of those who ask; nothing where none is due."""
    with store.transaction(database) as session:
        delivery = session.get(Delivery, which)
        if delivery is None or delivery.status not in OPEN or delivery.due_at > now:
            return None
        session.expunge(delivery)  # all that is decided is written by one conditional update
        if now - delivery.put_at > KEPT:
            store.changed(session, _seen(delivery), status="expired", due_at=now)
            return None
        notice = notices.read(session.get_one(StoredNotice, delivery.notice_id).content)
        if lost := delivery.status == "sending":
            if receipts.noted(settings.data, _key(delivery), delivery.attempt):
                _delivered(session, which, delivery.attempt, TAKEN, now)
                return None
            chain.lose(delivery)
        candidates = _candidates(session, delivery, notice)
        channel = chain.chosen(candidates, delivery, now)
        if channel is None:
            store.changed(session, _seen(delivery), status="waiting", due_at=now + timedelta(seconds=NOBODY_S))
            return None
        again = delivery.unsure or lost
        if not _held(session, delivery, channel, now, again=again):
            return None
        parcel = parcel_of(session, settings, channel, notice, key=_key(delivery), again=again)
        others, refusal = tuple(one.id for one in candidates), capped(session, channel, now)
        return Errand(delivery.notice_id, delivery.chain, delivery.attempt + 1, way(channel), parcel, others, refusal)


def put_off(database: Engine, which: tuple[UUID, str], now: datetime) -> None:
    """Looked at again after a while."""
    later = now + timedelta(seconds=NOBODY_S)
    found = update(Delivery).where(Delivery.notice_id == which[0], Delivery.chain == which[1])
    with store.transaction(database) as session:
        store.changed(session, found.where(Delivery.status.in_(OPEN)), due_at=later)


def carried_out(errand: Errand, taken: Callable[[], None] = unnoted) -> Outcome:
    """Sent, or not; takes seconds at most. ``taken`` as in ``Parcel``."""
    if errand.refusal is not None:
        return Outcome(False, errand.refusal, hopeless=True)
    return sending.send(errand.way.kind, errand.way.target, replace(errand.parcel, taken=taken))


def finish(database: Engine, errand: Errand, outcome: Outcome, took_s: float, now: datetime) -> None:
    """What came of it, and what follows. Where the lease has gone to another, only what came of it."""
    if outcome.sent and _settle(database, errand, outcome, now):
        _note_that_it_works(database, errand, now)
    else:
        _follow(database, errand, outcome, took_s, now)
    level = logging.INFO if outcome.sent else logging.WARNING
    told = {"notice": str(errand.notice), "chain": errand.chain, "channel": errand.way.name, "said": outcome.said}
    log.log(level, "notice %s", "sent" if outcome.sent else "not sent", extra=told)


@store.retried
def _settle(database: Engine, errand: Errand, outcome: Outcome, now: datetime) -> bool:
    """What is sent and asks for nothing more; whether that was so.

    As little as can be before it is durable: who is killed meanwhile has sent what another will send again.
    """
    if errand.way.kind in LIGHTS:
        return False
    with store.transaction(database) as session:
        return _delivered(session, (errand.notice, errand.chain), errand.attempt, outcome.said, now)


def _delivered(session: Session, which: tuple[UUID, str], attempt: int, said: str, now: datetime) -> bool:
    """Whether the delivery still stood at this attempt."""
    number, name = which
    mine = DELIVERIES.update().where(DELIVERIES.c.notice_id == number, DELIVERIES.c.chain == name)
    held = mine.where(DELIVERIES.c.attempt == attempt, DELIVERIES.c.status == "sending")
    if not store.changed(session, held, status="delivered", due_at=now, unsure=False):
        return False
    tried = ATTEMPTS.update().where(ATTEMPTS.c.notice_id == number, ATTEMPTS.c.chain == name)
    session.execute(tried.where(ATTEMPTS.c.number == attempt).values(result="sent", ended_at=now, reason=said))
    return True


@store.retried
def _note_that_it_works(database: Engine, errand: Errand, now: datetime) -> None:
    with store.transaction(database) as session:
        note_health(session, errand.way.id, errand.chain, now, works=True, tried=False)


@store.retried
def _follow(database: Engine, errand: Errand, outcome: Outcome, took_s: float, now: datetime) -> None:
    with store.transaction(database) as session:
        ended(session, errand, outcome, now)
        delivery = session.get(Delivery, (errand.notice, errand.chain))
        if delivery is None or delivery.attempt != errand.attempt or delivery.status != "sending":
            return
        session.expunge(delivery)
        if not outcome.sent:
            turn = chain.after_failure(delivery, errand.others, outcome, took_s, now)
            after: dict[str, Any] = {"status": "waiting", "due_at": turn.due_at, "spent": turn.spent}
            after |= {"tries": turn.tries, "rounds": turn.rounds, "unsure": delivery.unsure or outcome.unsure}
        elif errand.way.kind in LIGHTS and lit(session) != errand.parcel.lit:  # meanwhile it is to show something else
            after = {"status": "waiting", "due_at": now, "tries": 0}
        else:
            after = {"status": "delivered", "due_at": now, "unsure": False}
        if store.changed(session, _seen(delivery), **after):
            note_health(session, errand.way.id, errand.chain, now, works=outcome.sent, tried=bool(after.get("tries")))


def ended(session: Session, errand: Errand, outcome: Outcome, now: datetime) -> None:
    """The attempt's result."""
    which = update(Attempt).where(
        Attempt.notice_id == errand.notice, Attempt.chain == errand.chain, Attempt.number == errand.attempt
    )
    store.changed(session, which, result="sent" if outcome.sent else "failed", ended_at=now, reason=outcome.said)


def note_health(  # noqa: PLR0913 - of which channel, in which chain, and what is known of it
    session: Session, channel: UUID, name: str, now: datetime, *, works: bool, tried: bool
) -> None:
    """One that has failed lets others go first; when it works again, all who wait for its chain are due at once."""
    found = session.get(Channel, channel)
    if found is None:
        return
    if not works:
        if not tried:
            found.rests_until = chain.rest(now)
    elif found.rests_until is not None:
        found.rests_until = None
        wake(session, name, now)


def wake(session: Session, name: str, now: datetime) -> None:
    """All who wait for this chain are due."""
    waiting = update(Delivery).where(Delivery.chain == name, Delivery.status == "waiting", Delivery.due_at > now)
    session.execute(waiting.values(due_at=now).execution_options(synchronize_session=False))


def attempted(which: tuple[UUID, str, int], channel: Channel, now: datetime, *, again: bool) -> Attempt:
    """One that begins, and is not kept yet."""
    number, name, attempt = which
    return Attempt(
        notice_id=number,
        chain=name,
        number=attempt,
        channel_id=channel.id,
        channel=channel.name,
        kind=channel.kind,
        at=now,
        result="sending",
        again=again,
    )


def parcel_of(  # noqa: PLR0913 - what a parcel is made of
    session: Session, settings: Settings, channel: Channel, notice: Notice, *, key: str, again: bool
) -> Parcel:
    """The notice as this channel's readers want it."""
    voice = Voice(wanted(channel.language), clock_of(channel.timezone), settings.site)
    return Parcel(notice, voice, key, again, lit(session), settings.profile == "cloud")


def way(channel: Channel) -> Way:
    """What is needed of a channel to send."""
    return Way(channel.id, channel.name, channel.kind, dict(channel.target))


def lit(session: Session) -> int:
    """The highest level that is not over, for lights."""
    return session.scalar(select(func.max(Lamp.level))) or 0


def capped(session: Session, channel: Channel, now: datetime) -> str | None:
    """Why this channel sends no more today; nothing where it may."""
    if channel.most_a_day is None:
        return None
    sent = select(func.count()).select_from(Attempt).where(Attempt.channel_id == channel.id, Attempt.at > now - DAY)
    count = session.execute(sent.where(Attempt.result.in_(("sent", "unknown")))).scalar_one()
    if count < channel.most_a_day:
        return None
    return f"It has sent {count} in 24 hours and may send {channel.most_a_day}. Set most_a_day higher, or wait."


def _candidates(session: Session, delivery: Delivery, notice: Notice) -> list[Channel]:
    enabled = session.scalars(select(Channel).where(Channel.chain == delivery.chain, Channel.enabled))
    return [one for one in enabled if chain.suits(one, notice, delivery.level, delivery.step)]


def _held(session: Session, delivery: Delivery, channel: Channel, now: datetime, *, again: bool) -> bool:
    """Whether it is ours; then the attempt stands there, and one that was lost is known as such."""
    attempt, same = delivery.attempt + 1, delivery.channel_id == channel.id
    spent = [] if str(channel.id) in delivery.spent else delivery.spent  # of a round that begins anew
    held = {"status": "sending", "attempt": attempt, "due_at": now + timedelta(seconds=LEASE_S), "unsure": again}
    held |= {"channel_id": channel.id, "tries": delivery.tries if same else 0, "spent": spent}
    if not store.changed(session, _seen(delivery), **held):
        return False
    before = update(Attempt).where(Attempt.notice_id == delivery.notice_id, Attempt.chain == delivery.chain)
    store.changed(session, before.where(Attempt.result == "sending"), result="unknown", ended_at=now, reason=LOST)
    session.add(attempted((delivery.notice_id, delivery.chain, attempt), channel, now, again=again))
    return True


def _seen(delivery: Delivery) -> Update:
    """As it was when it was looked at; whoever was quicker has changed it."""
    which = update(Delivery).where(Delivery.notice_id == delivery.notice_id, Delivery.chain == delivery.chain)
    return which.where(Delivery.attempt == delivery.attempt, Delivery.status == delivery.status)


def _key(delivery: Delivery) -> str:
    return str(uuid5(delivery.notice_id, delivery.chain))
