"""Rows that may be there already: SQLite, PostgreSQL and MariaDB each have words of their own for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

AT_ONCE = 500  # names in one statement

T = TypeVar("T")


def insert_new(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Those that are not there; the others stay as they are."""
    if rows:
        session.execute(_unless_there(session.get_bind().dialect.name, table), rows)


def insert_or_replace(session: Session, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """All of them, in the place of those with the same key."""
    if rows:
        session.execute(_replacing(session.get_bind().dialect.name, table), rows)


class Bulk:
    """Many rows of a few columns, past what SQLAlchemy does for each: values are made fit for the driver here.

    Something has to be written by `insert_new` or `insert_or_replace` before, in the same transaction, since SQLite's
    writers take turns by that.
    """

    def __init__(self, session: Session, table: Table) -> None:
        self._connection = session.connection()
        self._dialect = self._connection.dialect
        self._table, self._columns = table, [column.name for column in table.c]
        fitting = [column.type.dialect_impl(self._dialect).bind_processor(self._dialect) for column in table.c]
        self._fitting = [(place, fit) for place, fit in enumerate(fitting) if fit is not None]

    def insert_new(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Those that are not there; a value for each column of the table, in its order."""
        self._execute(_unless_there(self._dialect.name, self._table), rows)

    def insert_or_replace(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """All of them, in the place of those with the same key."""
        self._execute(_replacing(self._dialect.name, self._table), rows)

    def _execute(self, statement: Insert, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        compiled: Any = statement.compile(dialect=self._dialect, column_keys=self._columns)
        fitted = self._fitted(rows)
        if compiled.positiontup is None:
            given: Any = [dict(zip(self._columns, row, strict=True)) for row in fitted]
        else:
            places = [self._columns.index(name) for name in compiled.positiontup]
            given = [tuple(row[place] for place in places) for row in fitted]
        self._connection.exec_driver_sql(str(compiled), given)

    def _fitted(self, rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
        """A batch has few different values in the columns that need fitting: times, above all."""
        fitted = [list(row) for row in rows]
        for place, fit in self._fitting:
            known: dict[Any, Any] = {}
            for row in fitted:
                value = row[place]
                if value not in known:
                    known[value] = fit(value)
                row[place] = known[value]
        return fitted


def in_parts(items: Sequence[T], at_once: int = AT_ONCE) -> Iterator[list[T]]:
    """So many at a time, since a statement takes only so many."""
    waiting = iter(items)
    return iter(lambda: list(islice(waiting, at_once)), [])


def _unless_there(dialect: str, table: Table) -> Insert:
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    key = next(iter(table.primary_key)).name
    return mysql.insert(table).on_duplicate_key_update({key: table.c[key]})


def _replacing(dialect: str, table: Table) -> Insert:
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.c if column.name not in keys]
    if dialect in {"postgresql", "sqlite"}:
        made: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
        kept: Insert = made.on_conflict_do_update(index_elements=keys, set_={n: made.excluded[n] for n in others})
        return kept
    other = mysql.insert(table)
    return other.on_duplicate_key_update({name: other.inserted[name] for name in others})
