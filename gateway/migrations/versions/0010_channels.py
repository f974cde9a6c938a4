"""Channels, the notices that go over them, and what became of each."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the tables."""
    _channels()
    _notices()
    _deliveries()


def downgrade() -> None:
    """Drop them; who is told of what is to be said anew."""
    for table in ("delivery_attempts", "deliveries", "lamps", "notices", "channels"):
        op.drop_table(table)


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(4), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("from_level", sa.Integer(), nullable=False),
        sa.Column("from_step", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("most_a_day", sa.Integer()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("rests_until", sa.DateTime()),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("put_at", sa.DateTime(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.String(128), nullable=False),
        sa.Column("alert_id", sa.Uuid()),
        sa.Column("content", sa.JSON(), nullable=False),
    )
    for column in ("put_at", "unit_id", "alert_id"):
        op.create_index(f"ix_notices_{column}", "notices", [column])
    op.create_table(
        "lamps",
        sa.Column("subject", sa.String(160), primary_key=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("notice_id", sa.Uuid(), sa.ForeignKey("notices.id"), primary_key=True),
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("put_at", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Uuid()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("spent", sa.JSON(), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_deliveries_status_due_at", "deliveries", ["status", "due_at"])
    op.create_table(
        "delivery_attempts",
        sa.Column("notice_id", sa.Uuid(), sa.ForeignKey("notices.id"), primary_key=True),
        sa.Column("chain", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text()),
    )
    for column in ("channel_id", "at"):
        op.create_index(f"ix_delivery_attempts_{column}", "delivery_attempts", [column])
