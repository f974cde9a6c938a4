"""Months are ordered all the time while something is killed at random and started again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from tqdm import tqdm

from forewatt import Client, ProblemError, UnreachableError
from loadtests.kills.stage import Stage
from loadtests.servers import Running, StartError

YEAR, MONTH = 2024, 5  # after the generated series
PATIENCE_S = 120.0
NOTICED_S = 1.0  # a wait that ends so late was held up


@dataclass
class Book:
    """What was accepted since when, how often nobody could, and for how many seconds the machine held up everybody."""

    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    accepted: list[UUID] = field(default_factory=list)
    refused: int = 0
    held_s: float = 0.0


def prepare(stage: Stage, accounts: int) -> list[str]:
    """Accounts with the generated series and a model fitted on it; their keys."""
    keys = []
    for n in range(accounts):
        with Client(stage.gateways[0].url) as client:
            client.register(f"drill{n}", "123456", f"drill{n}@example.org")
            client.login(f"drill{n}", "123456")
            keys.append(client.make_key("drill"))
            client.import_sample()
            client.forecast(YEAR, MONTH)
    return keys


@contextmanager
def ordering(stage: Stage, keys: list[str], rate: float) -> Iterator[Book]:
    """Months are ordered at so many a second, by anyone from any gateway, for as long as the block lasts."""
    book, ended = Book(), threading.Event()
    clients = [Client(gateway.url, key, timeout_s=10) for gateway in stage.gateways for key in keys]
    threads = [threading.Thread(target=_order, args=(clients, len(clients) / rate, book, ended)) for _ in clients]
    threads.append(threading.Thread(target=_watch_the_clock, args=(book, ended)))
    for thread in threads:
        thread.start()
    try:
        yield book
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()


def kill(stage: Stage, times: int, every_s: float, seed: int) -> None:
    """Kill -9 for one who is at work, and start it again at once, at random moments ``every_s`` apart or more."""
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in tqdm(range(times), desc="killing", unit="kill", disable=None):
        time.sleep(dice.expovariate(1 / every_s))
        victim = dice.choice(_at_work(stage))
        victim.kill()
        victim.start()


def _order(clients: list[Client], pause_s: float, book: Book, ended: threading.Event) -> None:
    dice = random.Random()  # noqa: S311 - whom to ask
    while not ended.wait(dice.expovariate(1 / pause_s)):
        try:
            book.accepted.append(dice.choice(clients).submit(YEAR, MONTH).id)
        except (ProblemError, UnreachableError):
            book.refused += 1


def _watch_the_clock(book: Book, ended: threading.Event) -> None:
    while not ended.is_set():
        began = time.monotonic()
        ended.wait(NOTICED_S)
        late_s = time.monotonic() - began - NOTICED_S
        book.held_s += late_s if late_s > NOTICED_S else 0.0


def _at_work(stage: Stage) -> list[Running]:
    """Who has started and can be asked, once these are half of all: where nobody works, a kill hits nothing.

    Raises ``StartError`` where one has ended by itself.
    """
    while True:
        for member in stage.members:
            if member.process.poll() is not None:
                raise StartError(member.log.read_text(errors="replace")[-500:])
        found = [member for member in stage.members if member.is_ready()]
        if 2 * len(found) >= len(stage.members):
            return found
        time.sleep(0.05)
