"""Whole questions, which cannot be stacked: answered one at a time by one thread, under the same promises as rows.

Each is a batch of its own in a batcher of their own. What the next one costs is not known before it is read, so the
expected cost follows those answered last; it begins with one measured at start-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from bentos.serving.batcher import Batcher
from bentos.serving.contract import Limits, Observer
from bentos.serving.cost import Cost
from bentos.serving.isolation import Predict, RowError
from bentos.serving.messages import Reply, Request, timings
from bentos.serving.problems import Refused
from bentos.serving.worker import Worker

WEIGHT = 0.1  # of the newest question in the expected cost
ACCIDENT = 4.0  # times the expected cost; a question beyond counts as one of that
SAFETY = 0.15  # of what is predicted: questions differ more than rows do

Asked = TypeVar("Asked")  # a question: its body, or that and whom it is put to


class Desk(Generic[Asked]):
    """Where questions wait and leave again; ``clerk`` answers or refuses those it is given, one call at a time."""

    def __init__(
        self,
        clerk: Predict[Asked, bytes | Refused],
        cost_s: float,
        limits: Limits,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        alone = replace(limits, batch_rows=1, safety=SAFETY)
        self._batcher: Batcher[Asked, bytes | Refused] = Batcher(clerk, _each(cost_s), alone, observer, clock)

    @property
    def waiting(self) -> int:
        """Questions in the queue."""
        return self._batcher.waiting_rows

    @property
    def cost_s(self) -> float:
        """What the next question should cost."""
        return self._batcher.cost.of(1)

    def check(self, deadline: float) -> None:
        """Raises ``Shed`` where a question would not be admitted now: asked before work is put into one."""
        self._batcher.check(deadline)

    async def ask(self: Desk[bytes], request: Request) -> Reply:
        """The answer to a request's body."""
        return await self.answer(request.body, request)

    async def answer(self, asked: Asked, request: Request) -> Reply:
        """The answer by the request's deadline. Raises ``Shed`` and ``Refused``."""
        served = await self._batcher.submit([asked], request.deadline, len(request.body))
        expected = self.cost_s
        self._batcher.cost = _each(expected + WEIGHT * (min(served.compute_s, ACCIDENT * expected) - expected))
        (answer,) = served.results
        if isinstance(answer, bytes):
            return Reply(200, answer, headers=[(b"server-timing", timings(served))])
        raise answer.__cause__ if isinstance(answer, RowError) and answer.__cause__ else answer


class Clerk(Worker[Asked, bytes | Refused]):
    """Answers questions in a thread."""

    def __init__(self, answer: Callable[[Asked], bytes]) -> None:
        def answered(question: Asked) -> bytes | Refused:
            try:
                return answer(question)
            except Refused as refused:  # an answer too, and no fault to look for
                return refused

        super().__init__(lambda questions: [answered(question) for question in questions], "questions")

    async def cost_s(self, sample: Asked) -> float:
        """What a question like ``sample`` costs."""
        return (await self.cost([sample], 1)).of(1)


def _each(seconds: float) -> Cost:
    return Cost((0.0, seconds))
