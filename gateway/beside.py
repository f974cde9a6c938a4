"""The gateway's own worker, in a process beside it, so that what it computes holds up no answer.

What is due is told by lines in a pipe, which closes when the gateway ends in whatever way: then the worker ends too.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from uuid import UUID

from gateway.broker import Broker, Messages

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "gateway.worker", "--beside")
NICER = 5  # answers to callers come first
AGAIN_S, LATEST_AGAIN_S = 1.0, 30.0  # until a worker that ended is started again; twice as long where it ends at once
LIVED_S = 10.0  # whoever did had begun to work
STOP_S = 12.0  # for what runs to be given back


class Beside(Messages):
    """Starts the worker, starts it again where it ends, and tells it what is due."""

    def __init__(self) -> None:
        super().__init__("a process beside this one")
        self._worker: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, name="worker beside", daemon=True)

    def start(self) -> None:
        """Does not wait for the worker."""
        super().start()
        self._watcher.start()

    def stop(self) -> None:
        """The worker gives back what it has begun."""
        super().stop()
        self._let_go()
        self._watcher.join(STOP_S)
        if self._watcher.is_alive() and self._worker is not None:
            self._worker.kill()

    def send(self, number: UUID, name: str, trace_id: str | None = None) -> None:
        """A line; where nobody reads it, the next worker looks for what is due anyway."""
        if self._worker is not None and self._worker.stdin is not None:
            self._worker.stdin.write(json.dumps([str(number), name, trace_id]).encode() + b"\n")
            self._worker.stdin.flush()

    def _let_go(self) -> None:
        if self._worker is not None and self._worker.stdin is not None:
            with suppress(BrokenPipeError):
                self._worker.stdin.close()

    def _watch(self) -> None:
        wait_s = AGAIN_S
        while not self.closing.is_set():
            began, said = time.monotonic(), self._work()
            lived_s = time.monotonic() - began
            wait_s = AGAIN_S if lived_s > LIVED_S else min(2 * wait_s, LATEST_AGAIN_S)
            if not self.closing.is_set():
                log.warning("the worker ended and is started again", extra={"status": said, "in_s": wait_s})
            self.closing.wait(wait_s)

    def _work(self) -> int | str:
        """A worker's life; how it ended."""
        try:
            # In a group of its own Ctrl-C does not reach it; in a session of its own Linux would not heed its niceness.
            self._worker = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, process_group=0)  # noqa: S603
        except OSError as wrong:  # no memory, no room for another process: that may pass
            return str(wrong)
        if self.closing.is_set():
            self._let_go()
        return self._worker.wait()


def listen(broker: Broker, stopping: threading.Event) -> None:
    """In the worker: pass on what the gateway tells, until it has gone."""
    os.nice(NICER)
    threading.Thread(target=_pass_on, args=(broker, stopping), name="gateway", daemon=True).start()


def _pass_on(broker: Broker, stopping: threading.Event) -> None:
    for line in sys.stdin.buffer:
        number, name, trace_id = json.loads(line)
        broker.send(UUID(number), name, trace_id)
    stopping.set()
