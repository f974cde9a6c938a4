"""The past once more, on a clock that goes as fast as it can: the desk's own functions, and nobody is told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from gateway.alerts import desk, flood
from gateway.alerts.book import MemoryBook
from gateway.alerts.findings import Finding


class Replay:
    """Whatever is due is done at its moment."""

    def __init__(self, book: MemoryBook, now: datetime) -> None:
        self.book, self.now = book, now

    def play(self, findings: Iterable[Finding]) -> None:
        """In the order of their moments."""
        for one in findings:
            if one.at > self.now:
                self.to(one.at)
            desk.observe(self.book, one, one.at)

    def to(self, moment: datetime) -> None:
        """Time goes on until then."""
        due = self._due()
        while due is not None and due <= moment:
            desk.tick(self.book, due)
            due = self._due()
        self.now = moment

    def _due(self) -> datetime | None:
        times = (self.book.next_due(), flood.due_at(self.book))
        return min((moment for moment in times if moment), default=None)
