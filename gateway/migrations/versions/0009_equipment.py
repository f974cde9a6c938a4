"""Units, their points, and what feeds what."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "units",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("place", sa.String(255)),
        sa.Column("zone", sa.String(64)),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column("changed_by_name", sa.String(64), nullable=False),
        sa.Column("reference", sa.JSON()),
        sa.Column("reference_at", sa.DateTime()),
    )
    op.create_table(
        "unit_points",
        sa.Column("unit_id", sa.String(128), sa.ForeignKey("units.id"), primary_key=True),
        sa.Column("point", sa.String(64), primary_key=True),
        sa.Column("series_id", sa.String(255), unique=True),
        sa.Column("uom", sa.String(32), nullable=False),
    )
    op.create_table(
        "unit_feeds",
        sa.Column("upstream", sa.String(128), sa.ForeignKey("units.id"), primary_key=True),
        sa.Column("downstream", sa.String(128), sa.ForeignKey("units.id"), primary_key=True),
    )
    op.create_index("ix_unit_feeds_downstream", "unit_feeds", ["downstream"])


def downgrade() -> None:
    """Drop them."""
    for table in ("unit_feeds", "unit_points", "units"):
        op.drop_table(table)
