"""Tables of users, their tokens and groups, and failed sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from subtomo_store.database.columns import Base, Digest, Id, UtcTime


class UserRow(Base):
    """See `people_records.User`."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    created: Mapped[datetime] = mapped_column(UtcTime)
    role: Mapped[str] = mapped_column(String(8), default="user")
    disabled: Mapped[bool] = mapped_column(default=False)
    password_hash: Mapped[str | None] = mapped_column(Text)
    oidc_subject: Mapped[str | None] = mapped_column(String(500), index=True, unique=True)
    disk_quota_bytes: Mapped[int | None] = mapped_column(BigInteger)
    running_jobs: Mapped[int | None]
    highest_priority: Mapped[int | None]


class TokenRow(Base):
    """See `people_records.Token`."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(Digest, unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    scope: Mapped[str] = mapped_column(String(8))
    label: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(UtcTime)
    expires: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcTime)
    opened_by: Mapped[str | None] = mapped_column(ForeignKey("tokens.id"), index=True)


class GroupRow(Base):
    """See `groups.Group`."""

    __tablename__ = "groups"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    created: Mapped[datetime] = mapped_column(UtcTime)


class MemberRow(Base):
    """See `groups.Member`."""

    __tablename__ = "members"
    group_id: Mapped[str] = mapped_column(
        ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(8))


class AttemptsRow(Base):
    """Failed sign-ins of a name or from an address (see `subtomo_store.people.throttle`)."""

    __tablename__ = "attempts"
    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    failures: Mapped[int]
    last: Mapped[datetime] = mapped_column(UtcTime)
