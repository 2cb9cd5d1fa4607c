"""Data: resumable uploads, and what datasets and jobs take of a quota."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("remarks", sa.JSON(), nullable=False, server_default="[]"),
        # SQLite adds a column that must not be empty only with a constant; the next line fills it.
        sa.Column(
            "touched",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default="2000-01-01 00:00:00",
        ),
    ):
        op.add_column("datasets", column)
    op.execute("UPDATE datasets SET touched = created")
    # Sealed before: 1024 bytes of header and four bytes a voxel.
    op.execute(
        "UPDATE datasets SET size_bytes = 1024 + 4 * CAST(particles AS BIGINT) * box * box * box "
        "WHERE status = 'ready'"
    )
    op.add_column(
        "jobs", sa.Column("disk_bytes", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_uploads_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_dataset_id"), "uploads", ["dataset_id"], unique=False)
    op.create_index(op.f("ix_uploads_expires"), "uploads", ["expires"], unique=False)


def downgrade() -> None:
    op.drop_table("uploads")
    op.drop_column("jobs", "disk_bytes")
    for name in ("touched", "remarks", "size_bytes"):
        op.drop_column("datasets", name)
