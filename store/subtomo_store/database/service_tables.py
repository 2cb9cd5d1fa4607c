"""Tables of the service itself: everything that is not a job's result."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subtomo_store.database.columns import Base, Id, UtcTime


class DrainRow(Base):
    """Workers that are handed no new work: those of a name, or all (``*``)."""

    __tablename__ = "drains"
    worker: Mapped[str] = mapped_column(String(255), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcTime)


class WebhookRow(Base):
    """See `webhooks.Webhook`: whom to tell the end of a job, and how far that is."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "state", "due"),)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    message_id: Mapped[str] = mapped_column(Id)
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    due: Mapped[datetime | None] = mapped_column(UtcTime)
    error: Mapped[str | None] = mapped_column(Text)
    delivered: Mapped[datetime | None] = mapped_column(UtcTime)


class WebhookSecretRow(Base):
    """With what a user's webhooks are signed."""

    __tablename__ = "webhook_secrets"
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = mapped_column(String(80))
    created: Mapped[datetime] = mapped_column(UtcTime)
