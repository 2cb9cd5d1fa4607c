"""The tables. Nothing outside the store sees these classes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC; a time without a zone is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = String(40)
Digest = String(64)
Serial = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Names of constraints are fixed, so that migrations can name them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UserRow(Base):
    """See `records.User`."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    created: Mapped[datetime] = mapped_column(UtcTime)


class TokenRow(Base):
    """See `records.Token`."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(Digest, unique=True)
    label: Mapped[str] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(UtcTime)
    expires: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcTime)


class DatasetRow(Base):
    """See `records.Dataset`."""

    __tablename__ = "datasets"
    __table_args__ = (Index(None, "user_id", "created", "id"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    missing: Mapped[dict[str, Any]] = mapped_column(JSON)
    voxel_size_angstrom: Mapped[float | None] = mapped_column(Float)
    dark_particles: Mapped[bool]
    source: Mapped[str | None] = mapped_column(Text)
    particles: Mapped[int | None]
    box: Mapped[int | None]
    created: Mapped[datetime] = mapped_column(UtcTime)
    sealed: Mapped[datetime | None] = mapped_column(UtcTime)


class DatasetFileRow(Base):
    """A file of a dataset, as uploaded."""

    __tablename__ = "dataset_files"
    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)


class MapRow(Base):
    """See `records.Map`."""

    __tablename__ = "maps"
    __table_args__ = (Index(None, "user_id", "created", "id"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(255))
    box: Mapped[int]
    voxel_size_angstrom: Mapped[float] = mapped_column(Float)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)
    created: Mapped[datetime] = mapped_column(UtcTime)


class JobRow(Base):
    """See `records.Job`."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "user_id", "created", "id"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(16), index=True)
    status_reason: Mapped[str | None] = mapped_column(Text)
    particles: Mapped[int]
    iteration: Mapped[int | None]
    version: Mapped[int]
    created: Mapped[datetime] = mapped_column(UtcTime)
    started: Mapped[datetime | None] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)


class IterationRow(Base):
    """See `records.Iteration`."""

    __tablename__ = "iterations"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    batches: Mapped[int]
    remaining: Mapped[int]
    metrics: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    started: Mapped[datetime] = mapped_column(UtcTime)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)
    seconds: Mapped[float | None] = mapped_column(Float)


class TaskRow(Base):
    """See `records.Task`."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("job_id", "iteration", "kind", "batch"),
        Index(None, "state", "sent_at"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    iteration: Mapped[int]
    kind: Mapped[str] = mapped_column(String(8))
    batch: Mapped[int]
    first: Mapped[int]
    last: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    attempts: Mapped[int]
    fence: Mapped[int]
    worker: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    particles_done: Mapped[int]
    seconds: Mapped[float | None] = mapped_column(Float)
    error: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sends: Mapped[int]


class FileRow(Base):
    """A published file of a job's iteration; what is not here does not exist for a reader."""

    __tablename__ = "files"
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)


class EventRow(Base):
    """See `records.Event`."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "job_id", "id"), {"sqlite_autoincrement": True})
    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    time: Mapped[datetime] = mapped_column(UtcTime)
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class WorkerRow(Base):
    """See `records.Worker`."""

    __tablename__ = "workers"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    namespace: Mapped[str] = mapped_column(String(80))
    pid: Mapped[int]
    born: Mapped[float] = mapped_column(Float)
    threads: Mapped[int]
    started: Mapped[datetime] = mapped_column(UtcTime)
    heartbeat: Mapped[datetime] = mapped_column(UtcTime)


class IdempotencyRow(Base):
    """The first answer to a user's key."""

    __tablename__ = "idempotency"
    user_id: Mapped[str] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(Digest)
    status: Mapped[int]
    response: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcTime)


class TallyRow(Base):
    """A count which only grows; see `tallies`."""

    __tablename__ = "tallies"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    bucket: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[float] = mapped_column(Float)


class CheckRow(Base):
    """The server which checks a dataset, and until when that is believed."""

    __tablename__ = "checks"
    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    server: Mapped[str] = mapped_column(Id)
    lease_until: Mapped[datetime] = mapped_column(UtcTime)
