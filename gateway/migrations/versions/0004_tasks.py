"""Long work, the models fitted for callers, and whose a forecast is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables; forecasts that are there belong to those without an account."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("queue", sa.String(16), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(64)),
        sa.Column("left_s", sa.Double()),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("error", sa.JSON()),
        sa.Column("result", sa.JSON()),
    )
    op.create_index("ix_tasks_owner", "tasks", ["owner"])
    op.create_index("ix_tasks_status_due", "tasks", ["status", "due_at"])
    op.create_table(
        "task_steps",
        sa.Column("task_id", sa.Uuid(), sa.ForeignKey("tasks.id"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(64)),
    )
    op.create_table(
        "fits",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("series", sa.String(64), primary_key=True),
        sa.Column("history_hash", sa.String(64), primary_key=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("model_name", sa.String(128), nullable=False),
        sa.Column("model_version", sa.String(128)),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(255)),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.Column("card", sa.Text()),
        sa.Column("seconds", sa.Double(), nullable=False),
    )
    with op.batch_alter_table("forecasts") as forecasts:
        forecasts.alter_column("stored_csv", existing_type=sa.String(255), nullable=True)
        forecasts.add_column(sa.Column("owner", sa.String(64), nullable=False, server_default="local"))
        forecasts.add_column(sa.Column("task_id", sa.Uuid()))
        forecasts.add_column(sa.Column("history_hash", sa.String(64)))
        forecasts.create_foreign_key("fk_forecasts_task_id", "tasks", ["task_id"], ["id"])
        forecasts.create_unique_constraint("uq_forecasts_task_id", ["task_id"])
        forecasts.create_index("ix_forecasts_owner", ["owner"])
    with op.batch_alter_table("forecasts") as forecasts:
        forecasts.alter_column("owner", existing_type=sa.String(64), server_default=None)


def downgrade() -> None:
    """Drop them with what they hold; what tasks answered goes with them."""
    with op.batch_alter_table("forecasts") as forecasts:
        forecasts.drop_constraint("fk_forecasts_task_id", type_="foreignkey")
        forecasts.drop_constraint("uq_forecasts_task_id", type_="unique")
        forecasts.drop_index("ix_forecasts_owner")
        for column in ("owner", "task_id", "history_hash"):
            forecasts.drop_column(column)
    op.drop_table("fits")
    op.drop_table("task_steps")
    op.drop_table("tasks")
