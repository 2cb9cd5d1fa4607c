"""Dispatch under limits, continued jobs, webhooks and drains."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("asked", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), nullable=False, server_default="50"))
    op.add_column(
        "jobs", sa.Column("queue", sa.String(length=16), nullable=False, server_default="cpu")
    )
    op.add_column("jobs", sa.Column("served", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "jobs", sa.Column("first_iteration", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("jobs", sa.Column("continues", sa.String(length=40), nullable=True))
    op.drop_index(op.f("ix_jobs_status"), table_name="jobs")
    op.create_index(
        op.f("ix_jobs_status_queue_priority"), "jobs", ["status", "queue", "priority"], unique=False
    )
    op.drop_index(op.f("ix_tasks_state_sent_at"), table_name="tasks")
    op.drop_column("tasks", "sent_at")
    op.drop_column("tasks", "sends")
    op.create_index(op.f("ix_tasks_job_id_state"), "tasks", ["job_id", "state"], unique=False)
    op.create_index(
        op.f("ix_tasks_state_lease_until"), "tasks", ["state", "lease_until"], unique=False
    )
    op.add_column(
        "workers", sa.Column("name", sa.String(length=255), nullable=False, server_default="")
    )
    op.add_column("workers", sa.Column("queues", sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "drains",
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_drains")),
    )
    op.create_table(
        "webhooks",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_webhooks_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_state_due"), "webhooks", ["state", "due"], unique=False)
    op.create_table(
        "webhook_secrets",
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_webhook_secrets_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_webhook_secrets")),
    )


def downgrade() -> None:
    op.drop_table("webhook_secrets")
    op.drop_table("webhooks")
    op.drop_table("drains")
    op.drop_column("workers", "queues")
    op.drop_column("workers", "name")
    op.drop_index(op.f("ix_tasks_state_lease_until"), table_name="tasks")
    op.drop_index(op.f("ix_tasks_job_id_state"), table_name="tasks")
    op.add_column("tasks", sa.Column("sends", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_tasks_state_sent_at"), "tasks", ["state", "sent_at"], unique=False)
    op.drop_index(op.f("ix_jobs_status_queue_priority"), table_name="jobs")
    op.create_index(op.f("ix_jobs_status"), "jobs", ["status"], unique=False)
    for column in ("continues", "first_iteration", "served", "queue", "priority", "asked"):
        op.drop_column("jobs", column)
