"""Readings of units, the newest of each point, who was heard, events that were taken, and dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables; without a rowid SQLite keeps readings in the order of their key, as MariaDB does."""
    op.create_table(
        "readings",
        sa.Column("unit_id", sa.String(128), primary_key=True),
        sa.Column("at", sa.DateTime(), primary_key=True),
        sa.Column("point", sa.String(64), primary_key=True),
        sa.Column("value", sa.Double()),
        sa.Column("quality", sa.String(8), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latest_readings",
        sa.Column("unit_id", sa.String(128), primary_key=True),
        sa.Column("point", sa.String(64), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("quality", sa.String(8), nullable=False),
        sa.Column("sound", sa.Double()),
        sa.Column("sound_at", sa.DateTime()),
        sa.Column("steady_since", sa.DateTime()),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heard_units",
        sa.Column("unit_id", sa.String(128), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "taken_events",
        sa.Column("seal", sa.String(32), primary_key=True),
        sa.Column("at", sa.DateTime(), nullable=False, index=True),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("arrived_at", sa.DateTime(), nullable=False, index=True),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("place", sa.String(400)),
        sa.Column("unit_id", sa.String(128)),
        sa.Column("point", sa.String(64)),
        sa.Column("reason", sa.String(32), nullable=False, index=True),
        sa.Column("message", sa.String(400), nullable=False),
        sa.Column("remedy", sa.String(400), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime()),
    )


def downgrade() -> None:
    """Drop them with what is in them."""
    for table in ("dead_letters", "taken_events", "heard_units", "latest_readings", "readings"):
        op.drop_table(table)
