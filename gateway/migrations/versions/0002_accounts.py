"""Accounts: users, their keys, tokens that were given back, and the audit log with the end of its chain."""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    _people()
    op.create_table(
        "audit_log",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Uuid()),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64)),
        sa.Column("address", sa.String(64)),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": "0" * 64}])
    _append_only(op.get_bind().dialect.name)


def _append_only(dialect: str) -> None:
    refused = "'the audit log is append-only'"
    for change in ("UPDATE", "DELETE"):
        begun = f"CREATE TRIGGER audit_log_{change.lower()} BEFORE {change} ON audit_log "
        match dialect:
            case "sqlite":
                op.execute(f"{begun}BEGIN SELECT RAISE(ABORT, {refused}); END")
            case "mysql":
                _where_allowed(f"{begun}FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {refused}")
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION {refused} USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "EXECUTE FUNCTION audit_log_refuse()"
        )


def _where_allowed(trigger: str) -> None:
    """MySQL with a binary log lets only administrators make triggers; the log's chain tells of changes without them."""
    try:
        op.execute(trigger)
    except DBAPIError as wrong:
        if wrong.orig is None or wrong.orig.args[0] not in {1142, 1227, 1419}:
            raise
        log.warning("Without a trigger, the audit log can be changed by whoever may write there: %s", wrong.orig)


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(192), nullable=False, unique=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("disabled_at", sa.DateTime()),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("owner", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime()),
        sa.Column("last_used_at", sa.DateTime()),
        sa.Column("revoked_at", sa.DateTime()),
    )
    op.create_index("ix_api_keys_owner", "api_keys", ["owner"])
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(32), primary_key=True),
        sa.Column("until", sa.DateTime(), nullable=False),
    )
    op.create_index("ix_revoked_tokens_until", "revoked_tokens", ["until"])


def downgrade() -> None:
    """Drop them with what they hold."""
    for table in ("audit_head", "audit_log", "revoked_tokens", "api_keys", "users"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_refuse()")
