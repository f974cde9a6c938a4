"""Adaptive batching that keeps its promises: bounded, deadline-aware, one bad row fails alone.

It knows neither HTTP nor a model: rows go in with a deadline, results come out row by row. It has no loop of its own
that could die: arrivals, the ends of batches and one timer call ``_dispatch``.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import insort
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bentos.serving.arrivals import Arrivals
from bentos.serving.contract import Limits, Observer, Served, Shed, Unobserved
from bentos.serving.cost import Cost
from bentos.serving.isolation import RowError, isolate

Row = TypeVar("Row")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Ticket(Generic[Row, Result]):
    """One caller's rows on their way through."""

    deadline: float
    rows: Sequence[Row]
    size: int
    arrived: float
    done: Callable[[Served[Result] | Shed], None]
    queued: bool = True
    withdrawn: bool = False

    def __lt__(self, other: Ticket[Row, Result]) -> bool:
        return self.deadline < other.deadline


class Batcher(Generic[Row, Result]):
    """Rows that can be stacked, for one model.

    With more than a batch waiting, the next one is handed to ``predict`` while one still runs, so that the worker need
    not wait for the event loop between them: ``predict`` computes its calls one after another, in their order.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[Row]], Awaitable[Sequence[Result]]],
        cost: Cost,
        limits: Limits | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cost, self.limits = cost, limits or Limits()
        self._whole_batch_s = cost.of(self.limits.batch_rows)
        self._predict = predict
        self._observer: Observer = observer or Unobserved()
        self._loop, self._clock = asyncio.get_running_loop(), clock  # uvloop's own clock knows milliseconds only
        self._queue: list[Ticket[Row, Result]] = []  # earliest deadline first
        self._rows = self._bytes = 0  # waiting
        self._running: set[asyncio.Task[None]] = set()  # one, or one and the next
        self._owed_s = 0.0  # what they should cost
        self._free_at = 0.0  # when the last of them should end
        self._waking: asyncio.Handle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._arrivals = Arrivals()

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue."""
        return self._rows

    @property
    def crowded(self) -> bool:
        """Whether more waits than the next batch holds: only then is a refusal likely."""
        return self._rows >= self.limits.batch_rows

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._running and not self._queue

    async def submit(self, rows: Sequence[Row], deadline: float, size: int = 0) -> Served[Result]:
        """As ``enqueue``, for a task: cancelling it takes the rows out of the queue."""
        answer: asyncio.Future[Served[Result]] = self._loop.create_future()
        ticket = self.enqueue(rows, deadline, size, lambda outcome: _settle(answer, outcome))
        try:
            return await answer
        finally:
            self.withdraw(ticket)

    def enqueue(
        self, rows: Sequence[Row], deadline: float, size: int, done: Callable[[Served[Result] | Shed], None]
    ) -> Ticket[Row, Result]:
        """Let ``done`` have the results of ``rows`` by ``deadline`` on the batcher's clock; ``size`` is their bytes.

        It gets a ``Shed`` where keeping the deadline became impossible. Raises ``Shed`` where it is so already or the
        bounds do not hold, and ``ValueError`` for no rows or more than a batch holds.
        """
        if not 0 < len(rows) <= self.limits.batch_rows:
            raise ValueError(f"{len(rows)} rows are no batch; give 1 to {self.limits.batch_rows}.")
        now = self._clock()
        self._arrivals.note(now)
        self._admit(len(rows), size, deadline, now)
        ticket: Ticket[Row, Result] = Ticket(deadline, rows, size, now, done)
        self._enter(ticket)
        if self._waking is None and self._may_start():
            # Not at once: what else this turn of the loop has to bring goes into the same batch.
            self._waking = self._loop.call_soon(self._dispatch)
        return ticket

    def withdraw(self, ticket: Ticket[Row, Result]) -> None:
        """Nobody waits for it any more: it leaves the queue. What runs already runs on, and finds nobody."""
        ticket.withdrawn = True
        if ticket.queued:
            self._queue.remove(ticket)
            self._leave(ticket)

    def check(self, deadline: float) -> None:
        """Raises ``Shed`` where not even one row would be admitted now: asked before work is put into a request."""
        self._admit(1, 0, deadline, self._clock())

    def _admit(self, rows: int, size: int, deadline: float, now: float) -> None:
        """Refuse what cannot be kept waiting, and what would not be answered in time if all goes as predicted."""
        limits = self.limits
        busy = max(self._free_at - now, 0.0) if self._running else 0.0
        if self._rows + rows > limits.queue_rows or self._bytes + size > limits.queue_bytes:
            self._refuse("queue_full", busy + self._whole_batch_s)
        if self._rows + rows <= limits.batch_rows and now + self._with_safety(busy + self._whole_batch_s) <= deadline:
            return  # as most are: it will be in the next batch, which costs no more than a whole one
        last = not self._queue or deadline >= self._queue[-1].deadline
        before = self._rows if last else sum(len(t.rows) for t in self._queue if t.deadline <= deadline)
        needed = self._until_done(busy, before + rows, self._arrivals.gap(now) if last else math.inf)
        late = now + self._with_safety(needed) - deadline
        if late > 0:
            self._refuse("deadline", late)

    def _until_done(self, busy: float, rows: int, gap: float) -> float:
        """Seconds until the last of ``rows`` is done: whoever comes before his batch starts joins it."""
        most = self.limits.batch_rows
        full, rest = divmod(rows, most)
        wait = busy + full * self._whole_batch_s
        if not rest:
            return wait
        joining = wait / gap if gap > 0 else most
        return wait + self.cost.of(int(min(rest + joining, most)))

    def _with_safety(self, seconds: float) -> float:
        return seconds * (1 + self.limits.safety) + self.limits.safety_s

    def _refuse(self, reason: str, retry_after_s: float) -> None:
        self._observer.shed(reason)
        raise Shed(reason, retry_after_s)

    def _enter(self, ticket: Ticket[Row, Result]) -> None:
        if self._queue and ticket < self._queue[-1]:
            insort(self._queue, ticket)
        else:
            self._queue.append(ticket)
        self._rows += len(ticket.rows)
        self._bytes += ticket.size

    def _leave(self, ticket: Ticket[Row, Result]) -> None:
        ticket.queued = False
        self._rows -= len(ticket.rows)
        self._bytes -= ticket.size

    def _dispatch(self) -> None:
        """Start what may start, unless the worker is idle and waiting for more rows pays."""
        self._waking = None
        while self._may_start():
            now = self._clock()
            patience = 0.0 if self._running else self._patience(now)
            if patience > 0:
                self._lingering = self._lingering or self._loop.call_later(patience, self._stop_lingering)
                return
            self._end_lingering()
            start = max(now, self._free_at) if self._running else now
            batch = self._take(start)
            if batch:
                seconds = self.cost.of(_count(batch))
                self._owed_s += seconds
                self._free_at = start + seconds
                self._running.add(self._loop.create_task(self._run(batch, now)))

    def _may_start(self) -> bool:
        """Something waits and the worker is idle, or a whole batch waits and nothing stands behind the running one."""
        return bool(self._queue) and (
            not self._running or (len(self._running) == 1 and self._rows >= self.limits.batch_rows)
        )

    def _patience(self, now: float) -> float:
        """How long the next row is worth waiting for; mostly zero, since arrivals gather while a batch runs.

        Waiting for a gap g between arrivals delays the k waiting rows by g and one row's cost; it saves the next row
        the fixed cost of a batch of its own, less g. It pays while fixed > (k + 1) g + k per_row. A lone caller, who
        waits for an answer before asking again, has a gap above the fixed cost: lingering never delays him.
        """
        k, gap = self._rows, self._arrivals.gap(now)
        if k >= self.limits.batch_rows or self.cost.fixed_s <= (k + 1) * gap + k * self.cost.per_row_s:
            return 0.0
        slack = self._queue[0].deadline - now - self._with_safety(self.cost.of(k + 1))
        return min(2 * gap, slack)

    def _stop_lingering(self) -> None:
        """Nobody came: forget the gap, or the next dispatch would wait again."""
        self._lingering = None
        self._arrivals.forget()
        self._dispatch()

    def _end_lingering(self) -> None:
        if self._lingering:
            self._lingering.cancel()
            self._lingering = None

    def _take(self, now: float) -> list[Ticket[Row, Result]]:
        """The next batch, out of the queue; what cannot be in time any more is shed before it costs anything.

        A full batch may end too late for its most urgent rows. They get a smaller one where all others can wait for the
        next. Else they are given up, others take their places, and the batch is full: under overload small batches
        waste the worker and make everyone urgent.
        """
        while self._queue and now + self.cost.of(len(self._queue[0].rows)) > self._queue[0].deadline:
            self._drop(self._queue.pop(0))
        batch = self._prefix(None, now)
        if batch and batch[0].deadline < now + self.cost.of(_count(batch)):
            safe = self._prefix(batch[0].deadline, now)
            if not self._others_can_wait(safe, batch, now):
                self._drop(self._queue.pop(0))
                return self._take(now)
            batch = safe
        del self._queue[: len(batch)]
        for ticket in batch:
            self._leave(ticket)
        return batch

    def _others_can_wait(self, safe: list[Ticket[Row, Result]], full: list[Ticket[Row, Result]], now: float) -> bool:
        """Whether all that waits fits into the batch ``safe`` and one more, in time."""
        first, second = _count(safe), _count(full) - _count(safe)
        both_end = now + self.cost.of(first) + self.cost.of(second)
        return self._rows <= self.limits.batch_rows and both_end <= full[len(safe)].deadline

    def _prefix(self, deadline: float | None, now: float) -> list[Ticket[Row, Result]]:
        """As many of the first tickets as fit into a batch that ends by ``deadline``, if one is given."""
        rows = 0
        for n, ticket in enumerate(self._queue):
            rows += len(ticket.rows)
            if rows > self.limits.batch_rows or (deadline is not None and now + self.cost.of(rows) > deadline):
                return self._queue[:n]
        return self._queue[:]

    def _drop(self, ticket: Ticket[Row, Result]) -> None:
        if ticket.queued:
            self._leave(ticket)
        self._observer.shed("deadline")
        self._loop.call_soon(self._tell, ticket, Shed("deadline", self._whole_batch_s))

    async def _run(self, batch: list[Ticket[Row, Result]], handed_over: float) -> None:
        """One batch from start to answers. Whatever happens in it, every caller is answered and the next one starts."""
        results: list[Result | RowError] = []
        calls = 0
        try:
            rows = [row for ticket in batch for row in ticket.rows]
            results, calls = await isolate(self._predict, rows, self.limits.isolation_calls)
        finally:
            idle_since, self._idle_since = self._idle_since, self._clock()
            started = max(handed_over, idle_since)  # a batch handed over early began when the one before had ended
            self._running.discard(asyncio.current_task())
            self._owed_s -= self.cost.of(_count(batch))
            self._free_at = self._idle_since + self._owed_s  # anew from each end, or small delays would add up
            self._dispatch()
            if results:
                self._observer.computed(len(results), self._idle_since - started, calls)
            # Behind the next batch's task, so that the worker computes while these answers are written.
            self._loop.call_soon(self._deliver, batch, results, started, idle_since, self._idle_since - started)

    def _deliver(
        self,
        batch: list[Ticket[Row, Result]],
        results: list[Result | RowError],
        started: float,
        idle_since: float,
        seconds: float,
    ) -> None:
        first = 0
        for ticket in batch:
            own = results[first : first + len(ticket.rows)]
            first += len(ticket.rows)
            waited = started - ticket.arrived
            lingered = min(waited, started - idle_since)
            self._observer.waited(waited)
            timed = Served(own, waited - lingered, lingered, seconds, len(results))
            self._tell(ticket, timed if own else Shed("stopped", 1.0))

    def _tell(self, ticket: Ticket[Row, Result], outcome: Served[Result] | Shed) -> None:
        """Whatever a caller makes of his outcome, the others get theirs."""
        if not ticket.withdrawn:
            try:
                ticket.done(outcome)
            except Exception as failure:
                self._loop.call_exception_handler({"message": "An answer was not taken.", "exception": failure})


def _settle(answer: asyncio.Future[Served[Result]], outcome: Served[Result] | Shed) -> None:
    if answer.done():
        return  # cancelled
    if isinstance(outcome, Shed):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _count(tickets: Sequence[Ticket[Row, Result]]) -> int:
    return sum(len(ticket.rows) for ticket in tickets)
