"""One bad row fails alone: a batch that fails is halved until only the bad rows are left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Result = TypeVar("Result")


class RowError(Exception):
    """The model failed on this row, alone or among others from which the budget did not suffice to tell it."""


async def isolate(
    predict: Callable[[Sequence[Row]], Awaitable[Sequence[Result]]], rows: Sequence[Row], budget: int
) -> tuple[list[Result | RowError], int]:
    """A result or a ``RowError`` for each row, and how many calls it took, at most ``budget`` beyond the first.

    A call that answers another number of rows than it was asked has failed too: nobody can tell whose rows they are.
    """
    results: list[Result | RowError] = [RowError("Not computed: too many rows beside it failed. Ask again alone.")]
    results *= len(rows)
    ranges, calls = [(0, len(rows))], 0
    while ranges and calls <= budget:
        first, end = ranges.pop()
        calls += 1
        try:
            found = await predict(rows[first:end])
            if len(found) != end - first:
                raise RowError(f"The model answered {len(found)} rows where {end - first} were asked.")
        except Exception as failure:  # whatever a model raises is its row's, never its neighbour's
            if end - first == 1:
                results[first] = _of_row(failure)
            else:
                middle = (first + end) // 2
                ranges += [(middle, end), (first, middle)]
        else:
            results[first:end] = found
    return results, calls


def _of_row(failure: Exception) -> RowError:
    if isinstance(failure, RowError):
        return failure
    error = RowError(f"{type(failure).__name__}: {failure}")
    error.__cause__ = failure
    return error
