"""People: roles, passwords, limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
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
