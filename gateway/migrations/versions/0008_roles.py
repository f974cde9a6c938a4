"""Roles that count, logins that end together, tokens for the first admin, and the account of the machine itself."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"

USERS = sa.table(
    "users",
    sa.column("id", sa.Uuid()),
    sa.column("name", sa.String()),
    sa.column("name_key", sa.String()),
    sa.column("email", sa.String()),
    sa.column("role", sa.String()),
    sa.column("password", sa.String()),
    sa.column("created_at", sa.DateTime()),
)
KEYS = sa.table("api_keys", sa.column("owner", sa.Uuid()), sa.column("role", sa.String()))
MACHINE = {
    "id": UUID(int=0),
    "name": "this machine",  # nobody can register a name with a space
    "name_key": "this machine",
    "email": "",
    "role": "engineer",
    "password": "",  # which no password matches
    "created_at": datetime.now(UTC).replace(tzinfo=None),
}


def upgrade() -> None:
    """Create what is new. Whoever is there keeps what he could do: until now an operator could import and delete."""
    op.add_column("users", sa.Column("generation", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "setup_tokens",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
    )
    for table in (USERS, KEYS):
        op.execute(table.update().where(table.c.role == "operator").values(role="engineer"))
    op.bulk_insert(USERS, [MACHINE])


def downgrade() -> None:
    """Drop it; engineers stay engineers."""
    op.execute(KEYS.delete().where(KEYS.c.owner == MACHINE["id"]))
    op.execute(USERS.delete().where(USERS.c.id == MACHINE["id"]))
    op.drop_table("setup_tokens")
    op.drop_column("users", "generation")
