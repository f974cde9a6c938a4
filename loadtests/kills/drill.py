"""Months are ordered all the time while something is killed at random and started again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    """What was accepted, and how often nobody could accept."""

    accepted: list[UUID] = field(default_factory=list)
    refused: int = 0


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
    orders = [threading.Thread(target=_order, args=(clients, len(clients) / rate, book, ended)) for _ in clients]
    for order in orders:
        order.start()
    try:
        yield book
    finally:
        ended.set()
        for order in orders:
            order.join()
        for client in clients:
            client.close()


def kill(stage: Stage, times: int, every_s: float, seed: int) -> float:
    """Kill -9 for one who is at work, and start it again at once, at random moments ``every_s`` apart or more.

    Gives the seconds for which the machine held us up meanwhile, and so everybody.
    """
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    held_s = 0.0
    for _ in tqdm(range(times), desc="killing", unit="kill", disable=None):
        pause_s, began = dice.expovariate(1 / every_s), time.monotonic()
        time.sleep(pause_s)
        held_s += max(0.0, time.monotonic() - began - pause_s - NOTICED_S)
        victim = dice.choice(_at_work(stage))
        victim.kill()
        victim.start()
    return held_s


def _order(clients: list[Client], pause_s: float, book: Book, ended: threading.Event) -> None:
    dice = random.Random()  # noqa: S311 - whom to ask
    while not ended.wait(dice.expovariate(1 / pause_s)):
        try:
            book.accepted.append(dice.choice(clients).submit(YEAR, MONTH).id)
        except (ProblemError, UnreachableError):
            book.refused += 1


def _at_work(stage: Stage) -> list[Running]:
    """Who has started and can be asked; to kill who is only just starting would hit nothing.

    Raises ``StartError`` where one has ended by itself.
    """
    while not (found := [member for member in stage.members if member.is_ready()]):
        for member in stage.members:
            if member.process.poll() is not None:
                raise StartError(member.log.read_text(errors="replace")[-500:])
        time.sleep(0.05)
    return found
