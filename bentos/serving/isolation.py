"""One bad row fails alone: a batch that fails is halved until only the bad rows are left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

Row = TypeVar("Row")
Result = TypeVar("Result")

Outcome = Sequence[Result] | BaseException
Predict = Callable[[Sequence[Row], Callable[[Outcome[Result]], None]], None]  # tells it later, in the event loop


class RowError(Exception):
    """The model failed on this row, alone or among others from which the budget did not suffice to tell it."""


Done = Callable[[list[Result | RowError], int], None]


class Isolating(Generic[Row, Result]):
    """``predict``, with a result or a ``RowError`` for each row, and how many calls it took: at most ``budget`` beyond
    the first. There are no results where the event loop stopped meanwhile.

    A call that answers another number of rows than it was asked has failed too: nobody can tell whose rows they are.
    """

    def __init__(self, predict: Predict[Row, Result], budget: int) -> None:
        self._predict, self._budget = predict, budget
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, rows: Sequence[Row], done: Done[Result]) -> None:
        self._call(rows, partial(self._judge, rows, done))

    def _call(self, rows: Sequence[Row], judge: Callable[[Outcome[Result]], None]) -> None:
        try:
            self._predict(rows, judge)
        except Exception as failure:  # it did not even begin; who asked is still busy and is told later, too
            asyncio.get_running_loop().call_soon(judge, failure)

    def _judge(self, rows: Sequence[Row], done: Done[Result], outcome: Outcome[Result]) -> None:
        try:
            results = _accepted(outcome, len(rows))
        except BaseException as failure:  # whose fault it is will be found out
            task = asyncio.get_running_loop().create_task(self._isolate(rows, failure, done))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            done(list(results), 1)

    async def _isolate(self, rows: Sequence[Row], failure: BaseException, done: Done[Result]) -> None:
        results: list[Result | RowError] = [RowError("Not computed: too many rows beside it failed. Ask again alone.")]
        results *= len(rows)
        calls = 1
        try:
            ranges = _narrowed(results, (0, len(rows)), failure)
            while ranges and calls <= self._budget:
                first, end = ranges.pop()
                calls += 1
                outcome = await self._again(rows[first:end])
                try:
                    results[first:end] = _accepted(outcome, end - first)
                except BaseException as again:  # whatever a model raises is its row's, never its neighbour's
                    ranges += _narrowed(results, (first, end), again)
        except BaseException:  # the loop stops
            done([], calls)
            raise
        done(results, calls)

    def _again(self, rows: Sequence[Row]) -> asyncio.Future[Outcome[Result]]:
        found: asyncio.Future[Outcome[Result]] = asyncio.get_running_loop().create_future()
        self._call(rows, lambda outcome: None if found.done() else found.set_result(outcome))
        return found


def _accepted(outcome: Outcome[Result], asked: int) -> Sequence[Result]:
    """Raises what the model raised, and ``RowError`` for another number of results than rows."""
    if isinstance(outcome, BaseException):
        raise outcome
    if len(outcome) != asked:
        raise RowError(f"The model answered {len(outcome)} rows where {asked} were asked.")
    return outcome


def _narrowed(
    results: list[Result | RowError], failed: tuple[int, int], failure: BaseException
) -> list[tuple[int, int]]:
    """Where to look on, the first half last; a lone row gets the failure."""
    first, end = failed
    if end - first == 1:
        results[first] = _of_row(failure)
        return []
    middle = (first + end) // 2
    return [(middle, end), (first, middle)]


def _of_row(failure: BaseException) -> RowError:
    if isinstance(failure, RowError):
        return failure
    try:
        error = RowError(f"{type(failure).__name__}: {failure}")
    except Exception:  # it cannot even be written
        error = RowError(type(failure).__name__)
    error.__cause__ = failure
    return error
