"""Notices and channels as tests want them: made of few words, kept without asking, and a clock that is moved."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

from sqlalchemy import select

from gateway import store
from gateway.channels import notice as notices
from gateway.channels import outbox
from gateway.channels.notice import Notice
from gateway.channels.parcel import Parcel
from gateway.channels.tables import Attempt, Channel, Delivery
from gateway.channels.texts import Voice
from gateway.settings import Settings

NOW = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)
EN, ZH, BOTH = (Voice(languages, UTC, "https://forewatt.example") for languages in ("en", "zh", "both"))
ALERT = UUID(int=9)
DATA = TemporaryDirectory(prefix="notices")
SETTINGS = Settings(public_url="https://forewatt.example", data=Path(DATA.name))


def notice(kind="raised", alert: UUID | None = None, at=NOW, **more) -> Notice:
    """Of a clogged filter, where nothing else is said."""
    made = {
        "id": notices.id_of(alert, kind, at, more.get("step", 0), uuid4() if alert is None else ""),
        "alert_id": alert,
        "kind": kind,
        "level": 3,
        "unit_id": "ahu_7",
        "unit_name": "AHU 7 机组",
        "place": "Roof 屋顶",
        "fault": "F-FILTER",
        "at": at,
        "predicted_time": at + timedelta(hours=40),
        "evidence": ["FLT-1: filter pressure drop 212 Pa at 60 % fan speed, 41 % above its own curve"],
        "action": {"en": "Replace the filter, or order one.", "zh": "更换过滤器或提前订购。"},
        "details": {"simulated": True, "probability": 0.83},
    }
    return Notice(**made | more)


def parcel(voice: Voice = BOTH, *, lit: int = 0, cloud: bool = False, **more) -> Parcel:
    """Such a notice, for one channel."""
    return Parcel(notice(**more), voice, "the-key", False, lit, cloud)


def channel(name: str, kind="webhook", place=0, **more) -> Channel:
    """A row that is not kept yet."""
    made = {
        "id": uuid4(),
        "target": {},
        "language": "both",
        "timezone": "UTC",
        "from_level": 1,
        "from_step": 0,
        "chain": "main",
        "most_a_day": None,
        "enabled": True,
        "created_at": NOW,
        "changed_at": NOW,
        "rests_until": None,
    }
    return Channel(name=name, kind=kind, place=place, **made | more)


def to(name: str, sink, **more) -> Channel:
    """A row of a webhook."""
    return channel(name, target={"url": sink if isinstance(sink, str) else sink.url}, **more)


def keep(database, *rows) -> None:
    with store.transaction(database) as session:
        session.add_all(rows)


def put(database, *some: Notice, now=NOW) -> None:
    for one in some:
        with store.transaction(database) as session:
            outbox.put(session, one, now)


def attempts(database, told: Notice) -> list[Attempt]:
    """In the order in which they were made."""
    wanted = select(Attempt).where(Attempt.notice_id == told.id).order_by(Attempt.chain, Attempt.number)
    with store.transaction(database) as session:
        return list(session.scalars(wanted))


def statuses(database, told: Notice) -> dict[str, str]:
    """Of each chain."""
    with store.transaction(database) as session:
        found = session.scalars(select(Delivery).where(Delivery.notice_id == told.id))
        return {one.chain: one.status for one in found}


def play(database, now=NOW, until=timedelta(hours=1), settings=SETTINGS) -> datetime:
    """Lets the clock run from due to due; gives when all was told, or the end."""
    end = now + until
    while (due := outbox.deliver(database, settings, now)) is not None and due <= end:
        now = max(now, due)
    return now
