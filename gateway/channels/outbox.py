"""Notices that are to be told: put in the transaction of what they tell, delivered later, over one chain after another.

Whoever delivers claims under a lease, sends outside of any transaction, and writes what came of it. Where he goes
silent, another sends again under the same key, marked: at least once, never twice without a word about it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from gateway import store
from gateway.channels import chain, claims, receipts
from gateway.channels import notice as notices
from gateway.channels.claims import OPEN, Errand
from gateway.channels.notice import Notice
from gateway.channels.sending import Outcome
from gateway.channels.tables import Attempt, Channel, Delivery, Lamp, StoredNotice
from gateway.errors import Unavailable
from gateway.settings import Settings

log = logging.getLogger(__name__)

AT_ONCE = 8  # sendings of one process, of which all but one wait while it is quick
QUICK_S = 0.5
MOST = 200  # that are looked at together
AGAIN_S = 1.0  # until what came of a sending is written once more
LONGEST_S = 60.0  # of one call of `deliver`; what is due then is due at once
REMEMBERED = timedelta(days=366)
MOST_FORGOTTEN = 500  # in one transaction
SHINING = ("raised", "escalated", "reminder", "flood", "silence")  # kinds that an alarm light shines for

Clock = Callable[[], datetime]


def put(session: Session, notice: Notice, now: datetime) -> None:
    """Kept for every chain that it concerns, with the transaction of what it tells; the same id a second time is one.

    Of two transactions that put it at the same time the later one fails whole, by the key of the row. Who was told
    that an alert is there is told when it is over, whatever its level is then.
    """
    if session.get(StoredNotice, notice.id) is not None:
        return
    subject = str(notice.alert_id) if notice.alert_id else f"unit:{notice.unit_id}"
    session.add(stored(notice, now))
    _shine(session, notice, subject)
    session.flush()
    level, step = _concerned(session, notice)
    for name in sorted(_chains(session, notice, level, step)):
        session.add(delivery(notice.id, name, level, step, now))


def deliver(database: Engine, settings: Settings, now: datetime) -> datetime | None:
    """Sends all that is due; gives when something will be next, nothing where all is told."""
    began = time.monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)

    alone = threading.Lock()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="delivery") as pool:
        while time.monotonic() - began < LONGEST_S and (due := _due(database, clock())):
            list(pool.map(lambda one: _in_turn(alone, partial(_carry, database, settings, one, clock)), due))
    return next_due(database)


def _in_turn(alone: threading.Lock, send: Callable[[], None]) -> None:
    """Alone, so that a sender who is killed leaves one behind that may have arrived; past one that is slow, though."""
    mine = alone.acquire(timeout=QUICK_S)
    try:
        send()
    finally:
        if mine:
            alone.release()


def next_due(database: Engine) -> datetime | None:
    """When something is to be sent, or a lease ends."""
    with store.transaction(database) as session:
        return session.scalar(select(func.min(Delivery.due_at)).where(Delivery.status.in_(OPEN)))


@store.retried
def tidy(database: Engine, now: datetime) -> int:
    """Forgets what was told or given up more than a year ago; gives how many notices those were."""
    going = select(Delivery.notice_id).where(Delivery.status.in_(OPEN))
    old = select(StoredNotice.id).where(StoredNotice.put_at < now - REMEMBERED, StoredNotice.id.not_in(going))
    with store.transaction(database) as session:
        ids = list(session.scalars(old.limit(MOST_FORGOTTEN)))
        for kind in (Attempt, Delivery):
            session.execute(delete(kind).where(kind.notice_id.in_(ids)))
        session.execute(delete(StoredNotice).where(StoredNotice.id.in_(ids)))
    return len(ids)


def stored(notice: Notice, now: datetime) -> StoredNotice:
    """A row that is not kept yet."""
    return StoredNotice(
        id=notice.id,
        put_at=now,
        at=notice.at,
        kind=notice.kind,
        level=notice.level,
        step=notice.step,
        unit_id=notice.unit_id,
        alert_id=notice.alert_id,
        content=notices.written(notice),
    )


def _carry(database: Engine, settings: Settings, which: tuple[UUID, str], clock: Clock) -> None:
    """One delivery, as far as it goes without waiting; one that cannot be read keeps nobody else waiting."""
    try:
        _go_on(database, settings, which, clock)
    except Unavailable:
        raise
    except Exception:
        log.exception("a delivery broke", extra={"notice": str(which[0]), "chain": which[1]})
        claims.put_off(database, which, clock())


def _go_on(database: Engine, settings: Settings, which: tuple[UUID, str], clock: Clock) -> None:
    while (errand := claims.claim(database, settings, which, clock())) is not None:
        began = clock()
        with receipts.noting(settings.data, errand.parcel.key, errand.attempt, began) as taken:
            outcome = claims.carried_out(errand, taken)
        took_s = (clock() - began).total_seconds()
        _write(database, errand, outcome, took_s, clock)


def _write(database: Engine, errand: Errand, outcome: Outcome, took_s: float, clock: Clock) -> None:
    """Until the database takes it, as long as the lease may last: what is not written is sent again."""
    end = time.monotonic() + claims.LEASE_S
    while True:
        try:
            return claims.finish(database, errand, outcome, took_s, clock())
        except Unavailable:
            if time.monotonic() > end:
                raise
            time.sleep(AGAIN_S)


def _due(database: Engine, now: datetime) -> Sequence[tuple[UUID, str]]:
    wanted = select(Delivery.notice_id, Delivery.chain).where(Delivery.status.in_(OPEN), Delivery.due_at <= now)
    with store.transaction(database) as session:
        return [(number, name) for number, name in session.execute(wanted.order_by(Delivery.due_at).limit(MOST))]


def _shine(session: Session, notice: Notice, subject: str) -> None:
    if notice.kind == "cleared":
        if (lamp := session.get(Lamp, subject)) is not None:
            session.delete(lamp)
    elif notice.kind in SHINING:
        session.merge(Lamp(subject=subject, level=notice.level, at=notice.at))


def _chains(session: Session, notice: Notice, level: int, step: int) -> set[str]:
    channels = session.scalars(select(Channel).where(Channel.enabled))
    suited = [one for one in channels if chain.suits(one, notice, level, step)]
    names = notice.details.get("channels", ())
    if notice.kind == "cleared" and notice.alert_id is not None:
        of_it = select(StoredNotice.id).where(StoredNotice.alert_id == notice.alert_id)
        names = session.scalars(select(Delivery.chain).where(Delivery.notice_id.in_(of_it)).distinct()).all() or names
        return {one.chain for one in suited if one.chain in names} if names else chain.named(suited, ())
    return chain.named(suited, names)


def _concerned(session: Session, notice: Notice) -> tuple[int, int]:
    if notice.kind != "cleared" or notice.alert_id is None:
        return notice.level, notice.step
    told = select(func.max(StoredNotice.level), func.max(StoredNotice.step))
    level, step = session.execute(told.where(StoredNotice.alert_id == notice.alert_id)).one()
    return level, step


def delivery(number: UUID, name: str, level: int, step: int, now: datetime) -> Delivery:
    """A row that is not kept yet."""
    return Delivery(
        notice_id=number,
        chain=name,
        level=level,
        step=step,
        status="waiting",
        due_at=now,
        put_at=now,
        attempt=0,
        tries=0,
        rounds=0,
        spent=[],
        unsure=False,
    )
