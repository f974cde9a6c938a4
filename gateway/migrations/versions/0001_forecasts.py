"""The first table: forecasts that were answered and kept."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "forecasts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("model_name", sa.String(128), nullable=False),
        sa.Column("model_version", sa.String(128), nullable=False),
        sa.Column("model_type", sa.String(64), nullable=False),
        sa.Column("weather", sa.String(16), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("stored_csv", sa.String(255), nullable=False),
    )
    op.create_index("ix_forecasts_created_at", "forecasts", ["created_at"])
    op.create_index("ix_forecasts_request_hash", "forecasts", ["request_hash"])


def downgrade() -> None:
    """Drop it with what it holds."""
    op.drop_table("forecasts")
