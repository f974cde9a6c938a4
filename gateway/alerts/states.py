"""What others say to the alerts in their own transactions: a finding, the time, a silence."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from gateway.alerts import desk
from gateway.alerts.findings import Finding
from gateway.alerts.lifecycle import ENDED
from gateway.alerts.rows import RowBook
from gateway.alerts.tables import INSTALLATION, AlertRow

Heard = Literal["readings", "predictions"]

__all__ = ["INSTALLATION", "Heard", "heard", "observe", "silence", "tick"]


def observe(session: Session, finding: Finding, now: datetime) -> None:
    """What a prediction says, in the transaction that keeps it."""
    desk.observe(RowBook(session, now), finding, now)


def tick(session: Session, now: datetime) -> datetime | None:
    """Everything that is due, and when the next is; that is ``now`` where there is more than is done at once."""
    return desk.tick(RowBook(session, now), now)


def silence(session: Session, unit_id: str, since: datetime, now: datetime, what: Heard = "readings") -> None:
    """Nothing is heard of a unit since then, or of the whole installation where the unit is ``INSTALLATION``.

    It may be said again and again. Many units at once become one alert.
    """
    desk.silence(RowBook(session, now), unit_id, what, since, now)


def heard(session: Session, unit_id: str, now: datetime, what: Heard = "readings") -> None:
    """Something is heard; it may be said again and again."""
    silent = (AlertRow.about == "silence", AlertRow.unit_id.in_({unit_id, INSTALLATION}), AlertRow.fault == what)
    if session.scalar(select(exists().where(*silent, AlertRow.state.not_in(ENDED)))):
        desk.heard(RowBook(session, now), unit_id, what, now)
