"""Months are ordered all the time while something is killed at random and started again."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psutil
from tqdm import tqdm

from forewatt import Client, ProblemError, UnreachableError
from loadtests.kills.stage import Stage
from loadtests.servers import Running, StartError

YEAR, MONTH = 2024, 5  # after the generated series
PATIENCE_S = 120.0
AT_ONCE, CALLERS = 6, 32
LIFE_S = 2.0  # from an order among others to its end, where nobody is killed
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


def drill(stage: Stage, keys: list[str], kills: int, seed: int) -> Book:
    """As often as is asked: some months are ordered at once, and while they are made one of the servers gets kill -9.

    Whom to ask, whom to kill and when is drawn by lot. Who was killed is started again at once; orders meanwhile find
    some who answer and some who do not, and try again as any client does.
    """
    dice, book, ended = random.Random(seed), Book(), threading.Event()  # noqa: S311 - moments, not secrets
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(gateway.url, key)) for gateway in stage.gateways for key in keys]
        callers = stack.enter_context(ThreadPoolExecutor(CALLERS))
        callers.submit(_watch_the_clock, book, ended)
        stack.callback(ended.set)
        for _ in tqdm(range(kills), desc="killing", unit="kill", disable=None):
            victim = dice.choice(_at_work(stage))
            for _ in range(AT_ONCE):
                callers.submit(_order, dice.choice(clients), book)
            time.sleep(dice.uniform(0, LIFE_S))
            _hit(victim, dice)
    return book


def _hit(member: Running, dice: random.Random) -> None:
    """The server itself, which is started again at once; or the worker beside it, which it starts again."""
    with suppress(psutil.NoSuchProcess):
        struck = dice.choice([member.process, *member.process.children()])
        if struck.pid != member.process.pid:
            struck.kill()
            return
    member.kill()
    member.start()


def _order(client: Client, book: Book) -> None:
    try:
        book.accepted.append(client.submit(YEAR, MONTH).id)
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
