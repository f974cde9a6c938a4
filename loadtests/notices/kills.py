"""L6: thousands of notices, and the process that sends them gets kill -9 again and again."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, func, select

from gateway import store
from gateway.channels import outbox
from gateway.channels.notice import Notice, id_of
from gateway.channels.tables import Delivery
from loadtests.notices import plant, sinks
from loadtests.notices.sinks import Web
from loadtests.servers import Running, Starter
from loadtests.slo import VoidError

FEWEST, MOST = 200, 800  # notices from one kill to the next, drawn by lot
PUT = 500  # in one transaction
PATIENCE_S = 60.0  # longer than a lease


def measured(folder: Path, notices: int) -> dict[str, float]:
    """L6: share told twice; L6b: told twice without a word about it; L6c: never told. Raises ``VoidError``."""
    with ExitStack() as stack:
        start, sink = Starter(folder, stack), stack.enter_context(sinks.web())
        database = plant.opened(start)
        stack.callback(database.dispose)
        sinks.keep(database, plant.channel("desk", "webhook", {"url": sink.url}))
        _put(database, notices)
        began = time.monotonic()
        kills = _deliver(database, sink, plant.worker(start), notices)
    keys = Counter(event["id"] for _, event in sink.events)
    seen: set[str] = set()
    unmarked = 0
    for _, event in sink.events:
        unmarked += event["id"] in seen and not event["again"]
        seen.add(event["id"])
    doubled, lost = sum(keys.values()) - len(keys), notices - len(keys)
    print(
        f"{notices} notices, {kills} kills, {time.monotonic() - began:.0f} s: {doubled} twice, {lost} lost", flush=True
    )
    return {"L6": doubled / notices, "L6b": float(unmarked), "L6c": float(lost)}


def _put(database: Engine, notices: int) -> None:
    now = datetime.now(UTC)
    for begin in range(0, notices, PUT):
        with store.transaction(database) as session:
            for n in range(begin, min(begin + PUT, notices)):
                told = Notice(id_of("drill", n), None, "raised", 2, f"u{n}", f"u{n}", "", "F-FILTER", now)
                outbox.put(session, told, now)


def _deliver(database: Engine, sink: Web, sender: Running, notices: int) -> int:
    """Until all is told; how often somebody was killed."""
    dice, kills = random.Random(1), 0  # noqa: S311 - moments, not secrets
    while left := _open(database):
        until = len(sink.events) + dice.randint(FEWEST, MOST)
        _wait(sink, until)
        if left > MOST and len(sink.events) < notices:
            _shoot(sender, dice.random() / 20)
            kills += 1
            sender.start()
    return kills


def _shoot(sender: Running, after_s: float) -> None:
    """By a process of its own: a thread of this one gets its turn when the sink lets go of it, which is as it answers.

    So moments that nobody chose would be drawn to the one in which a notice has come and its sender does not know.
    """
    subprocess.run(["sh", "-c", f"sleep {after_s:.4f} && kill -9 {sender.process.pid}"], check=True)  # noqa: S603, S607
    sender.process.wait()


def _wait(sink: Web, until: int) -> None:
    """For so many, or until nothing has come for so long that nothing is on its way."""
    seen, moved = len(sink.events), time.monotonic()
    while len(sink.events) < until and time.monotonic() - moved < PATIENCE_S / 2:
        if len(sink.events) != seen:
            seen, moved = len(sink.events), time.monotonic()
        time.sleep(0.001)
    if not sink.events:
        raise VoidError("nothing is told")


def _open(database: Engine) -> int:
    with store.transaction(database) as session:
        wanted = select(func.count()).select_from(Delivery).where(Delivery.status.in_(("waiting", "sending")))
        return session.scalar(wanted) or 0
