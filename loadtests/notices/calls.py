"""L3 and L5: how few messages a flood is, and how soon another channel is taken where one is dead."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from gateway.demo import mailbox
from gateway.demo.mailbox import Mailbox
from loadtests.notices import plant, sinks
from loadtests.notices.sinks import Web
from loadtests.servers import Starter, free_port
from loadtests.slo import VoidError

EVENTS, FLOOD_S = 1_000, 180.0  # three times as long as what comes at once is gathered
ROUNDS, PATIENCE_S = 5, 60.0  # of each way of being dead


def in_a_flood(folder: Path) -> dict[str, float]:
    """A thousand units become critical in one moment; what has come by mail when nothing more does."""
    with ExitStack() as stack:
        port, start = free_port(), Starter(folder, stack)
        letters = stack.enter_context(mailbox.opened(port))
        database = plant.opened(start)
        stack.callback(database.dispose)
        sinks.keep(database, plant.channel("mail", "email", plant.mail(port)))
        plant.worker(start)
        plant.observed(database, [f"u{n}" for n in range(EVENTS)])
        came = _came(letters)
    singles, summaries = came["single"], came["summary"]
    if not summaries:
        raise VoidError(f"{singles} messages came and no summary")
    print(f"{EVENTS} events at once: {singles} messages and {summaries} summaries in {FLOOD_S:.0f} s", flush=True)
    return {"L3": float(singles), "L3b": float(summaries)}


def _came(letters: Mailbox) -> Counter[str]:
    time.sleep(FLOOD_S)
    return Counter("single" if "F-FAN-FAIL" in letter["Subject"] else "summary" for letter in letters.arrived())


def past_a_dead_channel(folder: Path) -> dict[str, float]:
    """The first channel of a chain is dead, each time another one; the second is a webhook that works."""
    with ExitStack() as stack:
        start, sink = Starter(folder, stack), stack.enter_context(sinks.web())
        database = plant.opened(start)
        stack.callback(database.dispose)
        plant.one_by_one(database)
        hangs = stack.enter_context(sinks.deaf())
        dead = {"refuses": free_port(), "hangs": hangs}
        plant.worker(start)
        took: dict[str, list[float]] = {}
        for name, port in dead.items():
            for kind, target in (("email", plant.mail(port)), ("webhook", {"url": f"http://{sinks.HOST}:{port}"})):
                found = took.setdefault(f"{kind} {name}", [])
                for n in range(ROUNDS):
                    first = plant.channel(f"{kind}-{name}-{n}", kind, target)
                    second = plant.channel(f"{kind}-{name}-{n}-other", "webhook", {"url": sink.url}, place=1)
                    unit = f"{kind}-{name}-{n}"
                    sinks.keep(database, first, second)
                    plant.observed(database, [unit])
                    if (seconds := _told(sink, unit)) is not None:
                        found.append(seconds)
                    sinks.drop(database, first, second)
    return _judged(took)


def _told(sink: Web, unit: str) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        if (at := sink.told_of(unit)) is not None:
            return at - began
        time.sleep(0.01)
    return None


def _judged(took: dict[str, list[float]]) -> dict[str, float]:
    for name, seconds in took.items():
        said = f"{max(seconds):.1f} s at most" if seconds else "nothing"
        print(f"the first channel, {name}: {len(seconds)} of {ROUNDS} delivered by the second, {said}", flush=True)
    every = [one for seconds in took.values() for one in seconds]
    if not every:
        raise VoidError("nothing was delivered")
    return {"L5": max(every), "L5b": len(every) / (ROUNDS * len(took))}
