"""One import after the other, each into an account of its own: first watched for memory, then timed and left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil

from forewatt import Client, ProblemError
from loadtests.servers import Running, Starter
from loadtests.slo import VoidError

WATCHED = 2  # the first of them finds a gateway that has never read a workbook: it grows most
BETWEEN_S = 0.005
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Found:
    """The median time, and the most memory that gateway and child took together beyond what the gateway held before."""

    seconds: float
    extra_bytes: int


class Peak:
    """The most that a gateway and its children hold while this lasts, sampled."""

    def __init__(self, gateway: Running) -> None:
        self._gateway = gateway
        self._command = gateway.process.cmdline()
        self._before = self._most = self._held()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def extra_bytes(self) -> int:
        """Beyond what was held when this was made."""
        return self._most - self._before

    def _watch(self) -> None:
        while not self._ended.wait(BETWEEN_S):
            self._most = max(self._most, self._held())

    def _held(self) -> int:
        held = 0
        for member in self._gateway.family():
            with suppress(psutil.NoSuchProcess):
                # A child that has not begun its own program yet shares all memory with its parent.
                if member.pid == self._gateway.process.pid or member.cmdline() != self._command:
                    held += member.memory_info().rss
        return held


@contextmanager
def serving(folder: Path) -> Iterator[Running]:
    """A gateway with a database of its own, ready."""
    with ExitStack() as stack:
        start = Starter(folder, stack)
        yield start.gateway(FOREWATT_INFERENCE_URL=start.inference().url)


def taken(gateway: Running, book: Path, days: int, rounds: int) -> Found:
    """Imports that must take every row. Raises ``VoidError`` where one does not."""

    def once(client: Client) -> None:
        if (rows := client.import_workbook(book).imported) != days:
            raise VoidError(f"{rows} of {days} rows were taken")

    return _found(gateway, once, rounds)


def refused(gateway: Running, bomb: Path, rounds: int) -> Found:
    """Imports that must be refused for their size. Raises ``VoidError`` where one is not."""

    def once(client: Client) -> None:
        try:
            client.import_workbook(bomb)
        except ProblemError as problem:
            if "too large" in str(problem):
                return
            raise VoidError(f"refused for another reason: {problem}") from None
        raise VoidError("the bomb was taken")

    return _found(gateway, once, rounds)


def _found(gateway: Running, once: Callable[[Client], None], rounds: int) -> Found:
    """Watching takes a part of a core, so that no round is both watched and timed."""
    extra = []
    for _ in range(WATCHED):
        with _somebody(gateway) as client, Peak(gateway) as peak:
            once(client)
        extra.append(peak.extra_bytes)
    seconds = []
    for _ in range(rounds):
        with _somebody(gateway) as client:
            began = time.monotonic()
            once(client)
            seconds.append(time.monotonic() - began)
    return Found(median(seconds), max(extra))


@contextmanager
def _somebody(gateway: Running) -> Iterator[Client]:
    """A new account, logged in."""
    name, password = f"i{uuid4().hex[:12]}", uuid4().hex
    with Client(gateway.url, timeout_s=PATIENCE_S) as client:
        client.register(name, password, f"{name}@example.org")
        client.login(name, password)
        yield client
