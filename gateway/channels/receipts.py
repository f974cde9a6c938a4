"""What a channel has taken, noted in a file the moment that it says so.

The database needs milliseconds until it knows, in which its sender may be killed; a line in a file needs a fraction
of one, and outlives its writer. It is read where a sender ended without a word, so that nobody is told twice. Where the
file is out of reach, as another machine's is, the notice is sent again and marked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from io import FileIO
from pathlib import Path

from gateway.channels.parcel import unnoted

log = logging.getLogger(__name__)

FOLDER = "receipts"  # a file for each day
NOT_NOTED = "a receipt could not be noted: %s"
KEPT = timedelta(days=2)  # far longer than a lease


@contextmanager
def noting(data: Path, key: str, attempt: int, now: datetime) -> Iterator[Callable[[], None]]:
    """What is to be called once it is taken. The file is open by then: opening takes longer than the line.

    Never raises: without it one may be told twice, which is better than not at all.
    """
    try:
        file = _opened(data / FOLDER / now.date().isoformat())
    except OSError as wrong:
        log.warning(NOT_NOTED, wrong)
        yield unnoted
    else:
        yield from _written(file, _line(key, attempt))


def noted(data: Path, key: str, attempt: int) -> bool:
    """Whether a channel has taken it."""
    return any(_line(key, attempt) in path.read_bytes() for path in _days(data))


def tidy(data: Path, now: datetime) -> None:
    """Forgets what nobody will ask for."""
    for path in _days(data):
        if date.fromisoformat(path.name) < (now - KEPT).date():
            path.unlink(missing_ok=True)


def _written(file: FileIO, line: bytes) -> Iterator[Callable[[], None]]:
    """A sending that took too long may end while, or after, the file is closed."""
    alone = threading.Lock()

    def taken() -> None:
        with alone:
            try:
                file.write(line)  # one call, so that lines of several processes do not mix
            except (OSError, ValueError) as wrong:  # a value error: it is closed
                log.warning(NOT_NOTED, wrong)

    try:
        yield taken
    finally:
        with alone, suppress(OSError):  # of a network's disk
            file.close()


def _opened(day: Path) -> FileIO:
    try:
        return FileIO(day, "a")
    except FileNotFoundError:
        day.parent.mkdir(mode=0o700, exist_ok=True)
        return FileIO(day, "a")


def _days(data: Path) -> list[Path]:
    return list((data / FOLDER).glob("????-??-??"))


def _line(key: str, attempt: int) -> bytes:
    return f"{key} {attempt}\n".encode()
