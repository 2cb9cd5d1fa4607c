"""Workers that were lost with a task, and which process started each worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "losses",
        sa.Column("task_id", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("witness", sa.String(length=8), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_losses_task_id_tasks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("task_id", "fence", name=op.f("pk_losses")),
    )
    op.add_column("workers", sa.Column("parent_pid", sa.Integer(), nullable=True))
    op.add_column("workers", sa.Column("parent_born", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("workers", "parent_born")
    op.drop_column("workers", "parent_pid")
    op.drop_table("losses")
