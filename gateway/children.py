"""A child process that works for a task: heard line by line, ended when its result is not wanted.

Its standard input is a pipe from us, which closes when we end in whatever way: a child that watches it ends too.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from gateway.runs import Run
from gateway.tasks import LostError, TaskError, TransientError

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]  # where a child finds our packages
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")  # of our environment, which has secrets
REFUSED = 2  # how a child ends that says why in one line
NICER = 10  # answers to others come first
LOOK_S = 0.2  # between looks whether it is to end
PATIENCE_S = 5.0  # between the word to end and the end
TAIL_BYTES = 16 * 1024
BROKEN = "A process ended without a result; our log has it under this task's id. Submit again, tell us if it stays."


def follow(run: Run, words: Sequence[str], more: Mapping[str, str], hear: Callable[[bytes], None]) -> None:
    """Run a command and ``hear`` each line of its standard output; ``more`` is set in its environment.

    Raises ``LostError`` when the run is to end, ``TaskError`` where the child refuses or breaks, and
    ``TransientError`` where something else ended it.
    """
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | dict(more)
    with tempfile.TemporaryFile() as aside:
        with _started(words, environment, aside) as child:
            for line in _lines(child, partial(_look, run)):
                hear(line)
            while child.poll() is None:
                _look(run)
                time.sleep(LOOK_S)
        _judge(child.returncode, aside)


def _look(run: Run) -> None:
    if run.stopped.is_set():
        raise LostError
    run.check()


@contextmanager
def _started(words: Sequence[str], environment: dict[str, str], aside: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The child, in a group of its own, of which nothing is left afterwards."""
    child = subprocess.Popen(  # noqa: S603 - our own words, and names that were checked
        list(words),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=aside,
        process_group=0,  # not a session, in which Linux would not heed the niceness
    )
    with child:
        try:
            with suppress(ProcessLookupError):  # it may have ended already
                os.setpriority(os.PRIO_PGRP, child.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICER))
            yield child
        finally:
            _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    for word in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            return
        os.killpg(child.pid, word)
        with suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_S)


def _lines(child: subprocess.Popen[bytes], look: Callable[[], None]) -> Iterator[bytes]:
    assert child.stdout is not None  # noqa: S101 - it is a pipe
    begun = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(child.stdout, selectors.EVENT_READ)
        while True:
            look()
            if not waiting.select(LOOK_S):
                continue
            piece = os.read(child.stdout.fileno(), 64 * 1024)
            *lines, begun = (begun + piece).split(b"\n")
            yield from lines
            if not piece:
                return


def _judge(status: int, aside: IO[bytes]) -> None:
    if status == 0:
        return
    aside.seek(max(0, aside.seek(0, os.SEEK_END) - TAIL_BYTES))
    said = aside.read().decode(errors="replace").strip()
    last = said.rpartition("\n")[2]
    if status == REFUSED and last:
        raise TaskError("refused", last.partition(": ")[2] or last)
    log.error("a child process ended with %d", status, extra={"said": said})
    if status < 0 or "MemoryError" in last:
        why = "ran out of memory" if status > 0 else f"was ended by a signal ({signal.strsignal(-status)})"
        raise TransientError(f"The process {why}. If it stays so, give the worker more memory.")
    raise TaskError("broken", BROKEN)
