"""Adaptive batching that keeps its promises: bounded, deadline-aware, one bad row fails alone.

It knows neither HTTP nor a model: rows go in with a deadline, results come out row by row. It has no loop of its own
that could die: arrivals, the ends of batches and one timer call ``_dispatch``.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from bentos.serving.arrivals import Arrivals
from bentos.serving.contract import Limits, Observer, Served, Shed, Unobserved
from bentos.serving.cost import Cost
from bentos.serving.isolation import Isolating, Predict, RowError
from bentos.serving.margin import Margin
from bentos.serving.waiting import Ticket, Tickets, Waiting, count, rows_of

Row = TypeVar("Row")
Result = TypeVar("Result")

LARGEST_MARGIN_S = 0.05  # a machine that is later than that is no longer helped by refusing


class _Span(NamedTuple):
    """A batch's time: when the worker became free, when it began with this one, when it ended."""

    idle_since: float
    started: float
    ended: float


class Batcher(Generic[Row, Result]):
    """Rows that can be stacked, for one model; ``cost`` may be changed while it runs.

    With more than a batch waiting, the next one is handed to ``predict`` while one still runs, so that the worker need
    not wait for the event loop between them: ``predict`` computes its calls one after another, in their order.
    While nothing runs, ``at_once`` may compute a batch in the event loop that is not worth the way to a worker; it
    answers ``None`` for any other.
    """

    def __init__(
        self,
        predict: Predict[Row, Result],
        cost: Cost,
        limits: Limits | None = None,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cost, self.limits = cost, limits or Limits()
        self._predict = Isolating(predict, self.limits.isolation_calls)
        self.at_once: Callable[[Sequence[Row]], Sequence[Result] | None] = _never
        self._observer: Observer = observer or Unobserved()
        self._loop, self._clock = asyncio.get_running_loop(), clock  # uvloop's own clock knows milliseconds only
        self._queue: Waiting[Row, Result] = Waiting()
        self._flights = 0  # batches with the worker: none, one, or one and the next
        self._owed_s = 0.0  # what they should cost
        self._free_at = 0.0  # when the last of them should end
        self._waking: asyncio.Handle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._last_rows = 0  # of the batch that ended last
        self._arrivals = Arrivals()
        self._margin = Margin(self.limits.safety_s, LARGEST_MARGIN_S)

    @property
    def _whole_batch_s(self) -> float:
        return self.cost.of(self.limits.batch_rows)

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue."""
        return self._queue.rows

    @property
    def crowded(self) -> bool:
        """Whether more waits than the next batch holds: only then is a refusal likely."""
        return self._queue.rows >= self.limits.batch_rows

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self._flights and not self._queue

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

        That may be before this returns. It gets a ``Shed`` where keeping the deadline became impossible. Raises
        ``Shed`` where it is so already or the bounds do not hold, and ``ValueError`` for no rows or more than a batch
        holds.
        """
        if not 0 < len(rows) <= self.limits.batch_rows:
            raise ValueError(f"{len(rows)} rows are no batch; give 1 to {self.limits.batch_rows}.")
        now = self._clock()
        self._arrivals.note(now)
        self._admit(len(rows), size, deadline, now)
        ticket: Ticket[Row, Result] = Ticket(deadline, rows, size, now, done)
        if self._alone and self._computed_at_once([ticket], now):
            self._waking = self._loop.call_soon(self._dispatch)  # whoever comes in the same turn is company
            return ticket
        self._queue.enter(ticket)
        if self._waking is None and self._may_start():
            # Not at once: what else this turn of the loop has to bring goes into the same batch.
            self._waking = self._loop.call_soon(self._dispatch)
        return ticket

    def withdraw(self, ticket: Ticket[Row, Result]) -> None:
        """Nobody waits for it any more: it leaves the queue. What runs already runs on, and finds nobody."""
        ticket.over = True
        if ticket.queued:
            self._queue.remove(ticket)

    @property
    def _alone(self) -> bool:
        """Whether nobody is here, and whoever was here last was alone too: then nobody will join."""
        return self._last_rows == 1 and self._waking is None and self.idle

    def check(self, deadline: float) -> None:
        """Raises ``Shed`` where not even one row would be admitted now: asked before work is put into a request."""
        self._admit(1, 0, deadline, self._clock())

    def _admit(self, rows: int, size: int, deadline: float, now: float) -> None:
        """Refuse what cannot be kept waiting, and what would not be answered in time if all goes as predicted."""
        limits = self.limits
        busy = max(self._free_at - now, 0.0) if self._flights else 0.0
        waiting = self._queue.rows
        if waiting + rows > limits.queue_rows or self._queue.bytes + size > limits.queue_bytes:
            self._refuse("queue_full", busy + self._whole_batch_s)
        if waiting + rows <= limits.batch_rows and now + self._with_safety(busy + self._whole_batch_s) <= deadline:
            return  # as most are: it will be in the next batch, which costs no more than a whole one
        last = self._queue.is_last(deadline)
        before = waiting if last else self._queue.rows_until(deadline)
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
        return seconds * (1 + self.limits.safety) + self._margin.seconds

    def _refuse(self, reason: str, retry_after_s: float) -> None:
        self._observer.shed(reason)
        raise Shed(reason, retry_after_s)

    def _dispatch(self) -> None:
        """Start what may start, unless the worker is idle and waiting for more rows pays."""
        self._waking = None
        while self._may_start():
            now = self._clock()
            patience = 0.0 if self._flights else self._patience(now)
            if patience > 0:
                self._lingering = self._lingering or self._loop.call_later(patience, self._stop_lingering)
                return
            self._end_lingering()
            start = max(now, self._free_at) if self._flights else now
            batch = self._take(start)
            if batch and not self._computed_at_once(batch, now):
                self._hand_over(batch, now, start)

    def _may_start(self) -> bool:
        """Something waits and the worker is idle, or a whole batch waits and nothing stands behind the running one."""
        return bool(self._queue) and (
            not self._flights or (self._flights == 1 and self._queue.rows >= self.limits.batch_rows)
        )

    def _patience(self, now: float) -> float:
        """How long the next row is worth waiting for; mostly zero, since arrivals gather while a batch runs.

        Waiting for a gap g between arrivals delays each of the k waiting rows by g and what the next one adds to their
        batch. It spares the next row the batch of its own that it would get behind theirs, and costs it g. A lone
        caller, who waits for an answer before asking again, has a gap above what a batch costs: he never waits.
        """
        k, gap, cost = self._queue.rows, self._arrivals.gap(now), self.cost.of
        if k >= self.limits.batch_rows or cost(k) + cost(1) - cost(k + 1) - gap <= k * (gap + cost(k + 1) - cost(k)):
            return 0.0
        slack = self._queue.first.deadline - now - self._with_safety(self.cost.of(k + 1))
        return min(2 * gap, slack, self.limits.linger_s)

    def _stop_lingering(self) -> None:
        """Nobody came: forget the gap, or the next dispatch would wait again."""
        self._lingering = None
        self._arrivals.forget()
        self._dispatch()

    def _end_lingering(self) -> None:
        if self._lingering:
            self._lingering.cancel()
            self._lingering = None

    def _take(self, start: float) -> Tickets[Row, Result]:
        batch, given_up = self._queue.next_batch(self.cost, self.limits.batch_rows, start)
        for ticket in given_up:
            self._observer.shed("deadline")
            self._loop.call_soon(self._tell, ticket, Shed("deadline", self._whole_batch_s))
        return batch

    def _computed_at_once(self, batch: Tickets[Row, Result], started: float) -> bool:
        if self._flights:
            return False
        try:
            results = self.at_once(rows_of(batch))
        except Exception:  # whose fault it is will be found out in a task
            return False
        if results is None or len(results) != count(batch):
            return False
        self._deliver(batch, list(results), self._ended(started, len(results), 1))
        return True

    def _hand_over(self, batch: Tickets[Row, Result], now: float, start: float) -> None:
        expected_s = self.cost.of(count(batch))
        self._flights += 1
        self._owed_s += expected_s
        self._free_at = start + expected_s
        self._predict(rows_of(batch), partial(self._landed, batch, now, expected_s))

    def _landed(
        self,
        batch: Tickets[Row, Result],
        handed_over: float,
        expected_s: float,
        results: list[Result | RowError],
        calls: int,
    ) -> None:
        span = self._ended(handed_over, len(results), calls)
        self._flights -= 1
        self._owed_s -= expected_s
        self._free_at = span.ended + self._owed_s  # anew from each end, or small delays would add up
        self._dispatch()  # first, so that the worker computes while these answers are written
        self._deliver(batch, results, span)

    def _ended(self, handed_over: float, rows: int, calls: int) -> _Span:
        idle_since, self._idle_since = self._idle_since, self._clock()
        # A batch that was handed over early began when the one before had ended.
        span = _Span(idle_since, max(handed_over, idle_since), self._idle_since)
        self._last_rows = rows
        if rows:
            self._observer.computed(rows, span.ended - span.started, calls)
        return span

    def _deliver(self, batch: Tickets[Row, Result], results: list[Result | RowError], span: _Span) -> None:
        first, seconds = 0, span.ended - span.started
        for ticket in batch:
            own = results[first : first + len(ticket.rows)]
            first += len(ticket.rows)
            waited = span.started - ticket.arrived
            lingered = min(waited, span.started - span.idle_since)
            self._observer.waited(waited)
            timed = Served(own, waited - lingered, lingered, seconds, len(results))
            if not ticket.over:
                self._margin.note(ticket.deadline - self._clock())
            self._tell(ticket, timed if own else Shed("stopped", 1.0))

    def _tell(self, ticket: Ticket[Row, Result], outcome: Served[Result] | Shed) -> None:
        """Whatever a caller makes of his outcome, the others get theirs."""
        if not ticket.over:
            ticket.over = True
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


def _never(rows: Sequence[object]) -> None:
    """Everything is worth the way to a worker."""
