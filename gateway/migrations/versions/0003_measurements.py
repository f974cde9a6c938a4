"""What callers measured, a row a day, and the imports that brought it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
    )
    op.create_index("ix_imports_owner", "imports", ["owner"])
    op.create_table(
        "power_data",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("date", sa.Date(), primary_key=True),
        sa.Column("temperature", sa.Double()),
        sa.Column("humidity", sa.Double()),
        sa.Column("rainfall", sa.Double()),
        sa.Column("load", sa.Double(), nullable=False),
        sa.Column("import_id", sa.Uuid(), sa.ForeignKey("imports.id"), nullable=False),
    )
    op.create_index("ix_power_data_import_id", "power_data", ["import_id"])


def downgrade() -> None:
    """Drop them with what they hold."""
    op.drop_table("power_data")
    op.drop_table("imports")
