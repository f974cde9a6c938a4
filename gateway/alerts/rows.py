"""The book of alerts as rows: who works on an alert holds it until his transaction ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property
from uuid import UUID

from sqlalchemy import ColumnElement, exists, false, func, select, update
from sqlalchemy.orm import Session

from gateway.alerts import rules, versions
from gateway.alerts.book import SINGLE
from gateway.alerts.lifecycle import ENDED, LIVE, State
from gateway.alerts.rules import InForce, nearest
from gateway.alerts.tables import INSTALLATION, Absence, AlertNotice, AlertRow, AlertStep
from gateway.channels import outbox
from gateway.channels.notice import Notice
from gateway.equipment import units
from gateway.equipment.tables import Unit

AT_ONCE = 200  # alerts whose time has come in one transaction


class RowBook:
    """One transaction's."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def newest(self, unit_id: str) -> list[AlertRow]:
        """Held from here on."""
        return self._held(AlertRow.unit_id == unit_id, AlertRow.slot.is_not(None))

    def standing(self, units: Collection[str]) -> list[AlertRow]:
        """By the state, which is the newest's alone."""
        return self._read(AlertRow.unit_id.in_(units), AlertRow.about == "fault", AlertRow.state.not_in(ENDED))

    def grouped(self, parent: UUID) -> list[AlertRow]:
        """Held."""
        return self._held(AlertRow.parent == parent)

    def find(self, number: UUID) -> AlertRow | None:
        """Not held."""
        return self._session.get(AlertRow, number)

    def silent(self, what: str) -> list[AlertRow]:
        """Pending ones too."""
        silent = (AlertRow.about == "silence", AlertRow.fault == what, AlertRow.unit_id != INSTALLATION)
        return self._read(*silent, AlertRow.state.in_(LIVE | {State.PENDING}))

    def due(self, now: datetime) -> list[AlertRow]:
        """In the order of their ids, so that two who work at once do not wait for each other."""
        due = select(AlertRow.id).where(AlertRow.due_at <= now).order_by(AlertRow.due_at).limit(AT_ONCE)
        numbers = list(self._session.scalars(due))
        return self._held(AlertRow.id.in_(numbers), AlertRow.due_at <= now) if numbers else []

    def next_due(self) -> datetime | None:
        """Of all."""
        return self._session.scalar(select(func.min(AlertRow.due_at)))

    def held_since(self) -> datetime | None:
        """Of all."""
        return self._session.scalar(select(func.min(AlertRow.held_at)))

    def held(self) -> list[AlertRow]:
        """Held twice: by their call, and from here on by us."""
        return sorted(self._held(AlertRow.held_at.is_not(None)), key=lambda row: (str(row.held_at), row.id))

    def summarised(self) -> bool:
        """Before this change, which is written first."""
        self._session.flush()
        return bool(self._session.scalar(select(exists().where(AlertRow.known_by == "summary"))))

    def add(self, row: AlertRow) -> None:
        """What was there before it gives its slot up first."""
        self._session.flush()
        self._session.add(row)
        self._session.flush()

    def name(self, row: AlertRow, fault: str, slot: str) -> None:
        """What was there before it gives its slot up first."""
        self._session.flush()
        row.fault, row.slot = fault, slot
        self._session.flush()

    def note(self, step: AlertStep) -> None:
        """For ever."""
        self._session.add(step)

    def tell(self, notice: Notice) -> None:
        """In the outbox, by the same transaction."""
        said = AlertNotice(id=notice.id, alert_id=notice.alert_id, kind=notice.kind, level=notice.level)
        said.step, said.at = notice.step, notice.at
        self._session.add(said)
        outbox.put(self._session, notice, self._now)

    def told(self, since: datetime) -> list[int]:
        """Of all alerts."""
        single = (AlertNotice.at > since, AlertNotice.kind.in_(SINGLE))
        return list(self._session.scalars(select(AlertNotice.level).where(*single)))

    def last_summary(self) -> tuple[datetime, int] | None:
        """Of all."""
        summaries = select(AlertNotice).where(AlertNotice.kind == "flood").order_by(AlertNotice.at.desc()).limit(1)
        last = self._session.scalars(summaries).first()
        return (last.at, last.level) if last else None

    def in_force(self, about: str, unit_id: str, fault: str | None) -> InForce:
        """As this transaction found it."""
        policy_version, policy = self._policy
        if about == "silence":
            return rules.in_force_for_silence(policy, policy_version)
        version, threshold = nearest(self._thresholds, unit_id, fault)
        return rules.in_force(threshold, policy, (version, policy_version))

    def upstream(self) -> Mapping[str, set[str]]:
        """As this transaction found it."""
        return self._feeds

    def away(self, unit_id: str, now: datetime) -> bool:
        """By what was said of the unit."""
        return bool(self._session.scalar(select(exists().where(*absent(unit_id, now)))))

    def called(self, unit_id: str) -> tuple[str, str]:
        """A unit that is not declared any more is called by its id."""
        unit = units.find(self._session, unit_id)
        return (unit.name, unit.place or "") if unit else (unit_id, "")

    def watched(self) -> int:
        """Those that are declared."""
        return self._session.scalar(select(func.count()).select_from(Unit)) or 0

    @cached_property
    def _policy(self) -> tuple[int, rules.Policy]:
        return versions.policy(self._session)

    @cached_property
    def _thresholds(self) -> dict[versions.Place, tuple[int, rules.Threshold]]:
        return versions.thresholds(self._session)

    @cached_property
    def _feeds(self) -> dict[str, set[str]]:
        return units.upstream(self._session)

    def _read(self, *which: ColumnElement[bool]) -> list[AlertRow]:
        return list(self._session.scalars(select(AlertRow).where(*which).order_by(AlertRow.id)))

    def _held(self, *which: ColumnElement[bool]) -> list[AlertRow]:
        return hold(self._session, *which)


def hold(session: Session, *which: ColumnElement[bool]) -> list[AlertRow]:
    """Alerts that nobody else changes until this transaction ends.

    SQLite holds no rows, and would let two read before one of them writes: there who works on alerts is alone.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(update(AlertRow).where(false()).values(steps=0).execution_options(synchronize_session=False))
    wanted = select(AlertRow).where(*which).order_by(AlertRow.id).with_for_update()
    return list(session.scalars(wanted.execution_options(populate_existing=True)))


def absent(unit_id: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Which rows say that the unit is out of service."""
    return Absence.unit_id == unit_id, Absence.since <= now, Absence.until > now
