"""People: roles, passwords, limits, scopes of tokens, groups, failed sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWNED = ("datasets", "jobs", "maps")


def upgrade() -> None:
    # Columns are added in place: a table made anew would empty those which refer to it.
    for column in (
        sa.Column("role", sa.String(length=8), nullable=False, server_default="user"),
        sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("oidc_subject", sa.String(length=500), nullable=True),
        sa.Column("disk_quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("running_jobs", sa.Integer(), nullable=True),
        sa.Column("highest_priority", sa.Integer(), nullable=True),
    ):
        op.add_column("users", column)
    op.create_index(op.f("ix_users_oidc_subject"), "users", ["oidc_subject"], unique=True)
    for column in (
        sa.Column("kind", sa.String(length=8), nullable=False, server_default="api"),
        sa.Column("scope", sa.String(length=8), nullable=False, server_default="admin"),
    ):
        op.add_column("tokens", column)
    reference = sa.ForeignKey("tokens.id", name=op.f("fk_tokens_opened_by_tokens"))
    column = sa.Column("opened_by", sa.String(length=40), reference, nullable=True)
    op.add_column("tokens", column, inline_references=True)
    op.create_index(op.f("ix_tokens_opened_by"), "tokens", ["opened_by"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")),
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
    )
    op.create_table(
        "members",
        sa.Column("group_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_members_group_id_groups"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_members_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    for table in OWNED:
        reference = sa.ForeignKey("groups.id", name=op.f(f"fk_{table}_group_id_groups"))
        column = sa.Column("group_id", sa.String(length=40), reference, nullable=True)
        op.add_column(table, column, inline_references=True)
        op.create_index(op.f(f"ix_{table}_group_id"), table, ["group_id"], unique=False)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        raise NotImplementedError("SQLite cannot drop these columns: restore the earlier copy")
    for table in OWNED:
        op.drop_index(op.f(f"ix_{table}_group_id"), table_name=table)
        op.drop_column(table, "group_id")
    op.drop_table("members")
    op.drop_table("groups")
    op.drop_table("attempts")
    op.drop_index(op.f("ix_tokens_opened_by"), table_name="tokens")
    op.drop_column("tokens", "opened_by")
    op.drop_column("tokens", "scope")
    op.drop_column("tokens", "kind")
    op.drop_index(op.f("ix_users_oidc_subject"), table_name="users")
    for name in (
        "highest_priority",
        "running_jobs",
        "disk_quota_bytes",
        "oidc_subject",
        "password_hash",
        "disabled",
        "role",
    ):
        op.drop_column("users", name)
