"""How far long work is: a bar where a terminal watches, and whoever listens is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Listener = Callable[[str, float], None]  # the stage, and how much of it is done, from 0 to 1
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within, every stage is told to ``listener`` too."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


class Stage:
    """A number of pieces; ``done`` after each."""

    def __init__(self, name: str, pieces: int, unit: str = "piece") -> None:
        self._name, self._pieces, self._done = name, pieces, 0
        self._bar = tqdm(total=pieces, desc=name, unit=unit, disable=None)
        self._tell()

    def done(self) -> None:
        """One more; the bar goes with the last."""
        self._done += 1
        self._bar.update()
        if self._done == self._pieces:
            self._bar.close()
        self._tell()

    def _tell(self) -> None:
        if listener := _LISTENER.get():
            listener(self._name, self._done / max(self._pieces, 1))


def steps(items: Sequence[Item], name: str, unit: str) -> Iterator[Item]:
    """Each of ``items``, which is done when the next is asked for."""
    stage = Stage(name, len(items), unit)
    for item in items:
        yield item
        stage.done()
