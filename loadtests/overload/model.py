"""The model whose cost is known to the millisecond, so that capacity is arithmetic and goodput has a denominator."""

from __future__ import annotations

BATCH_S, ROW_S, MOST_ROWS = 0.020, 0.001, 64


def batch_s(rows: int) -> float:
    """How long a batch takes."""
    return BATCH_S + ROW_S * rows


def capacity(most_rows: int = MOST_ROWS) -> float:
    """Rows a second if every batch is full."""
    return most_rows / batch_s(most_rows)


def rows_within(seconds: float) -> int:
    """How many of a burst's rows can be done in so long."""
    full, rest = divmod(seconds, batch_s(MOST_ROWS))
    return int(full) * MOST_ROWS + max(0, int((rest - BATCH_S) / ROW_S + 1e-9))
