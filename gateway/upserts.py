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
