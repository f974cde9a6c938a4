"""Measurements of more than one kind: which series a day belongs to; those that are there are power's."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KEY = "power_data_pkey"  # as PostgreSQL calls it; MariaDB has no name for it and asks for none
NAMES = {"pk": "%(table_name)s_pkey"}  # so SQLite's, which has none either, can be called so


def upgrade() -> None:
    """A day is an owner's once in each series."""
    op.add_column("imports", _series())
    op.add_column("forecasts", _series())
    with op.batch_alter_table("power_data", naming_convention=NAMES) as days:
        days.add_column(_series())
        days.drop_constraint(KEY, type_="primary")
        days.create_primary_key(KEY, ["owner", "series", "date"])


def downgrade() -> None:
    """Power alone stays."""
    for table in ("power_data", "imports", "forecasts"):
        rows = sa.table(table, sa.column("series"))
        op.execute(rows.delete().where(rows.c.series != "power"))
    with op.batch_alter_table("power_data", naming_convention=NAMES) as days:
        days.drop_constraint(KEY, type_="primary")
        days.create_primary_key(KEY, ["owner", "date"])
        days.drop_column("series")
    op.drop_column("forecasts", "series")
    op.drop_column("imports", "series")  # in place: days refer to imports, which must not go away for a moment


def _series() -> sa.Column[str]:
    return sa.Column("series", sa.String(32), nullable=False, server_default="power")
