"""Alembic's entry: the connection is handed over by `gateway.migrations.migrate`."""

from __future__ import annotations

import logging
from typing import Any

from alembic import context
from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import CursorResult, Insert
from sqlalchemy.exc import DBAPIError

from gateway.tables import Base

log = logging.getLogger(__name__)

# MySQL's numbers: a table, column, key, foreign key or trigger is there already; what is to be dropped is not.
MADE_BEFORE = {1050, 1060, 1061, 1826, 1359, 1051, 1091}
SAME_ROW = 1062
SAME_REFERENCE = (1005, "errno: 121")  # MariaDB has no number of its own for a foreign key that is there


class Again(MySQLImpl):
    """Passes over what an interrupted migration made before."""

    __dialect__ = "mysql"

    def _exec(self, construct: Any, *how: Any, **more: Any) -> CursorResult[Any] | None:  # noqa: ANN401 - Alembic's own
        try:
            return super()._exec(construct, *how, **more)
        except DBAPIError as wrong:
            if not (context.config.attributes.get("again") and _made_before(construct, wrong)):
                raise
            log.warning("An interrupted migration is being finished; this was made before: %s", wrong.orig)
            return None


def _made_before(construct: object, wrong: DBAPIError) -> bool:
    number, message = (*getattr(wrong.orig, "args", ()), None, "")[:2]
    if number == SAME_ROW:
        return isinstance(construct, Insert)  # and no key that is made where rows are the same
    return number in MADE_BEFORE or (number == SAME_REFERENCE[0] and SAME_REFERENCE[1] in message)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
