"""Alerts with their steps and what was told of them, rules by version, and times out of service."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the tables."""
    _alerts()
    _beside_alerts()
    _rules()


def downgrade() -> None:
    """Drop them."""
    for table in ("absences", "alert_rules", "alert_notices", "alert_steps", "alerts"):
        op.drop_table(table)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("about", sa.String(16), nullable=False),
        sa.Column("unit_id", sa.String(128), nullable=False),
        sa.Column("fault", sa.String(32)),
        sa.Column("slot", sa.String(192), unique=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("until", sa.DateTime()),
        sa.Column("raised_at", sa.DateTime()),
        sa.Column("acknowledged_at", sa.DateTime()),
        sa.Column("told_level", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.DateTime()),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("call_at", sa.DateTime()),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.Uuid(), index=True),
        sa.Column("due_at", sa.DateTime(), index=True),
        sa.Column("held_at", sa.DateTime(), index=True),
        sa.Column("held_kind", sa.String(16)),
        sa.Column("known_by", sa.String(16)),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.Column("threshold_version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.String(64)),
        sa.Column("reason", sa.String(16), index=True),
        sa.Column("closed_at", sa.DateTime()),
        sa.Column("closed_by", sa.String(64)),
    )
    op.create_index("ix_alerts_unit_state", "alerts", ["unit_id", "state"])
    op.create_index("ix_alerts_created", "alerts", ["created_at", "id"])


def _beside_alerts() -> None:
    op.create_table(
        "alert_steps",
        sa.Column("alert_id", sa.Uuid(), sa.ForeignKey("alerts.id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("was", sa.String(16)),
        sa.Column("became", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("actor", sa.String(64)),
        sa.Column("note", sa.String(255)),
    )
    op.create_table(
        "alert_notices",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("alert_id", sa.Uuid(), index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False, index=True),
    )


def _rules() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("about", sa.String(16), nullable=False),
        sa.Column("unit_id", sa.String(128)),
        sa.Column("fault", sa.String(32)),
        sa.Column("content", sa.JSON()),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.String(255)),
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("unit_id", sa.String(128), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("note", sa.String(255)),
    )
    op.create_index("ix_absences_unit_until", "absences", ["unit_id", "until"])
