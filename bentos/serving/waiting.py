"""Callers' rows that wait for a batch: earliest deadline first, counted in rows and bytes."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bentos.serving.contract import Served, Shed
from bentos.serving.cost import Cost

Row = TypeVar("Row")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Ticket(Generic[Row, Result]):
    """One caller's rows on their way through; ``done`` is told what became of them."""

    deadline: float
    rows: Sequence[Row]
    size: int
    arrived: float
    done: Callable[[Served[Result] | Shed], None]
    queued: bool = False
    over: bool = False  # told, or withdrawn

    def __lt__(self, other: Ticket[Row, Result]) -> bool:
        return self.deadline < other.deadline


Tickets = list[Ticket[Row, Result]]


def count(tickets: Tickets[Row, Result]) -> int:
    """Their rows."""
    return sum([len(ticket.rows) for ticket in tickets])


def rows_of(tickets: Tickets[Row, Result]) -> list[Row]:
    """All of them, in order."""
    return [row for ticket in tickets for row in ticket.rows]


class Waiting(Generic[Row, Result]):
    """The queue. ``rows`` and ``bytes`` are what it holds."""

    def __init__(self) -> None:
        self._tickets: list[Ticket[Row, Result]] = []
        self.rows = self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._tickets)

    @property
    def first(self) -> Ticket[Row, Result]:
        """The most urgent one, if anything waits."""
        return self._tickets[0]

    def is_last(self, deadline: float) -> bool:
        """Whether nothing waits that may wait longer."""
        return not self._tickets or deadline >= self._tickets[-1].deadline

    def rows_until(self, deadline: float) -> int:
        """How many rows go before one that comes now."""
        return count([ticket for ticket in self._tickets if ticket.deadline <= deadline])

    def enter(self, ticket: Ticket[Row, Result]) -> None:
        """In the order of deadlines, and of arrival where they are the same."""
        if self.is_last(ticket.deadline):
            self._tickets.append(ticket)
        else:
            insort(self._tickets, ticket)
        ticket.queued = True
        self.rows += len(ticket.rows)
        self.bytes += ticket.size

    def remove(self, ticket: Ticket[Row, Result]) -> None:
        """From wherever it stands."""
        self._tickets.remove(ticket)
        self._left(ticket)

    def next_batch(self, cost: Cost, most: int, now: float) -> tuple[Tickets[Row, Result], Tickets[Row, Result]]:
        """What a batch of at most ``most`` rows that starts at ``now`` takes, and what cannot be in time any more.

        A full batch may end too late for its most urgent rows. They get a smaller one where all others can wait for the
        next. Else they are given up, others take their places, and the batch is full: under overload small batches
        waste the worker and make everyone urgent.
        """
        given_up: Tickets[Row, Result] = []
        while self._tickets:
            full = self._prefix(most)
            in_time = cost.rows_within(full[0].deadline - now)
            if count(full) <= in_time:
                return self._take(len(full)), given_up
            safe = self._prefix(in_time)
            if safe and self.rows <= most:
                both = cost.of(count(safe)) + cost.of(count(full) - count(safe))
                if now + both <= full[len(safe)].deadline:  # all that waits fits into two batches, in time
                    return self._take(len(safe)), given_up
            given_up += self._take(1)
        return [], given_up

    def _take(self, tickets: int) -> Tickets[Row, Result]:
        taken = self._tickets[:tickets]
        del self._tickets[:tickets]
        for ticket in taken:
            self._left(ticket)
        return taken

    def _prefix(self, most: int) -> Tickets[Row, Result]:
        """As many of the first as have at most so many rows together; they stay in the queue."""
        rows = 0
        for n, ticket in enumerate(self._tickets):
            rows += len(ticket.rows)
            if rows > most:
                return self._tickets[:n]
        return self._tickets[:]

    def _left(self, ticket: Ticket[Row, Result]) -> None:
        ticket.queued = False
        self.rows -= len(ticket.rows)
        self.bytes -= ticket.size
