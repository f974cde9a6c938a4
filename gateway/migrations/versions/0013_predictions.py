"""What was predicted for units, and how far each has come."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "watches",
        sa.Column("unit_id", sa.String(128), primary_key=True),
        sa.Column("done_until", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("free_at", sa.DateTime(), nullable=False),
        sa.Column("moved_at", sa.DateTime(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text()),
    )
    op.create_table(
        "predictions",
        sa.Column("unit_id", sa.String(128), primary_key=True),
        sa.Column("slot", sa.DateTime(), primary_key=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("fault", sa.String(32)),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("severity", sa.Double(), nullable=False),
        sa.Column("model_version", sa.String(128), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
    )
    op.create_index("ix_predictions_slot", "predictions", ["slot"])


def downgrade() -> None:
    """Drop them."""
    for table in ("predictions", "watches"):
        op.drop_table(table)
