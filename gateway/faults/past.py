"""What was predicted before, as alerts look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine, select

from gateway import store
from gateway.alerts.findings import Finding
from gateway.faults.tables import Prediction

AT_ONCE = 500


def findings(database: Engine, since: datetime, until: datetime) -> Iterator[Finding]:
    """Of all units, from ``since`` to before ``until``, in the order of their slots."""
    wanted = select(Prediction.answer).where(Prediction.slot >= since, Prediction.slot < until)
    with store.transaction(database) as session:
        rows = session.scalars(
            wanted.order_by(Prediction.slot, Prediction.unit_id).execution_options(yield_per=AT_ONCE)
        )
        yield from map(Finding.of, rows)
