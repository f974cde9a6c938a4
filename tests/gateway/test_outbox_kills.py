"""Processes that deliver are killed at any moment: nothing is lost, and whoever is told twice is told so."""

import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parent))
import sinks
from notices import channel, keep, notice
from processes import ROOT

from gateway import store
from gateway.channels import outbox
from gateway.channels.claims import TAKEN
from gateway.channels.tables import Attempt, Delivery

NOTICES, KILLS = 300, 3
LEASE_S = 1.0
# As a worker does, but that a lease is short: it says when it begins, and ends when all is told.
WORKER = f"""
import sys, time
from pathlib import Path
from datetime import UTC, datetime
from gateway import store
from gateway.channels import claims, outbox
from gateway.settings import Settings
claims.LEASE_S = {LEASE_S}
database, settings = store.connect(sys.argv[1]), Settings(data=Path(sys.argv[2]))
print("ready", flush=True)
while outbox.deliver(database, settings, datetime.now(UTC)) is not None:
    time.sleep(0.05)
"""


def begun(url, data):
    command = [sys.executable, "-c", WORKER, url, data]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603
    assert worker.stdout.readline() == b"ready\n"
    return worker


def wait_for(sink, count):
    end = time.monotonic() + 30
    while len(sink.seen) < count and time.monotonic() < end:
        time.sleep(0.002)


def test_of_many_notices_whose_senders_are_killed_none_is_lost_and_no_second_one_is_unmarked(tmp_path):
    url, chance = f"sqlite:///{tmp_path / 'x.db'}", random.Random(7)  # noqa: S311
    database = store.connect(url)
    store.migrate(database)
    with sinks.web() as sink:
        keep(database, channel("desk", target={"url": sink.url}))
        some = [notice() for _ in range(NOTICES)]
        with store.transaction(database) as session:
            for told in some:
                outbox.put(session, told, datetime.now(UTC))
        for _ in range(KILLS):
            with begun(url, tmp_path) as worker:
                wait_for(sink, len(sink.seen) + chance.randint(10, 80))
                worker.kill()
        with begun(url, tmp_path) as worker:
            assert worker.wait(120) == 0
        events = sink.events
    times = Counter(event["data"]["id"] for event in events)
    assert times.keys() == {str(told.id) for told in some}
    first = {event["id"]: n for n, event in reversed([*enumerate(events)])}
    assert [event["id"] for n, event in enumerate(events) if not event["again"] and first[event["id"]] != n] == []
    with store.transaction(database) as session:
        assert session.scalars(select(Delivery.status).distinct()).all() == ["delivered"]
        every = select(func.count()).select_from(Attempt)
        lost, found = (
            session.scalar(every.where(one)) for one in (Attempt.result == "unknown", Attempt.reason == TAKEN)
        )
    database.dispose()
    assert lost + found > 0
    assert sum(times.values()) - NOTICES <= lost <= KILLS * outbox.AT_ONCE
