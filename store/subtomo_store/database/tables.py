"""The tables of datasets and jobs. Nothing outside the store sees these classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Float,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from subtomo_store.database.columns import Base, Digest, Id, Serial, UtcTime
from subtomo_store.database.people_tables import GroupRow, UserRow


class Owned:
    """Somebody's, and perhaps a group's; who may do what, `people.permissions` tells."""

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id"), index=True)

    @declared_attr
    def _user(self) -> Mapped[UserRow]:
        return relationship(UserRow)

    @declared_attr
    def _group(self) -> Mapped[GroupRow | None]:
        return relationship(GroupRow)

    @property
    def owner(self) -> str:
        """Name of the user who made it."""
        return self._user.name

    @property
    def group(self) -> str | None:
        """Name of the group, if it belongs to one."""
        return self._group.name if self._group else None


class DatasetRow(Owned, Base):
    """See `records.Dataset`."""

    __tablename__ = "datasets"
    __table_args__ = (Index(None, "user_id", "created", "id"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    missing: Mapped[dict[str, Any]] = mapped_column(JSON)
    voxel_size_angstrom: Mapped[float | None] = mapped_column(Float)
    dark_particles: Mapped[bool]
    source: Mapped[str | None] = mapped_column(Text)
    simulation: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    selection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    particles: Mapped[int | None]
    box: Mapped[int | None]
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    remarks: Mapped[list[str]] = mapped_column(JSON, default=list)
    created: Mapped[datetime] = mapped_column(UtcTime)
    touched: Mapped[datetime] = mapped_column(UtcTime)
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


class UploadRow(Base):
    """See `records.Upload`."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Digest)
    created: Mapped[datetime] = mapped_column(UtcTime)
    expires: Mapped[datetime] = mapped_column(UtcTime, index=True)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)


class MapRow(Owned, Base):
    """See `records.Map`."""

    __tablename__ = "maps"
    __table_args__ = (Index(None, "user_id", "created", "id"),)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    box: Mapped[int]
    voxel_size_angstrom: Mapped[float] = mapped_column(Float)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Digest)
    created: Mapped[datetime] = mapped_column(UtcTime)


class JobRow(Owned, Base):
    """See `records.Job`."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "user_id", "created", "id"),
        Index(None, "status", "queue", "priority"),
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    status: Mapped[str] = mapped_column(String(16))
    status_reason: Mapped[str | None] = mapped_column(Text)
    priority: Mapped[int]
    queue: Mapped[str] = mapped_column(String(16))
    served: Mapped[datetime | None] = mapped_column(UtcTime)
    particles: Mapped[int]
    disk_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    first_iteration: Mapped[int]
    continues: Mapped[str | None] = mapped_column(Id)
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
        Index(None, "job_id", "state"),
        Index(None, "state", "lease_until"),
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


class LossRow(Base):
    """A worker that was lost with a task; ``counts`` where the task has to answer for it."""

    __tablename__ = "losses"
    task_id: Mapped[str] = mapped_column(
        ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True
    )
    fence: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    time: Mapped[datetime] = mapped_column(UtcTime)
    witness: Mapped[str] = mapped_column(String(8))
    counts: Mapped[bool]


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
    name: Mapped[str] = mapped_column(String(255))
    queues: Mapped[list[str]] = mapped_column(JSON)
    host: Mapped[str] = mapped_column(String(255))
    namespace: Mapped[str] = mapped_column(String(80))
    pid: Mapped[int]
    born: Mapped[float] = mapped_column(Float)
    parent_pid: Mapped[int | None]
    parent_born: Mapped[float | None] = mapped_column(Float)
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
