"""Jobs, their iterations and events as they go over the wire.

A job's specification is not here: it is `subtomo_core.spec.job`, written once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from subtomo_server.http.documents import Changes, Document, Fault, StoredFile


class JobChanges(Changes):
    """What may change in a job; its priority, while it waits or runs."""

    priority: Annotated[int | None, Field(ge=0, le=100)] = None


class ProgressDocument(Document):
    """How far a job is; ``iteration`` is the one being worked on, or the last there was.

    A job which converges ends before it reaches ``iterations``.
    """

    iteration: int
    iterations: int
    first_iteration: int
    particles_done: int
    particles: int
    fraction: float
    eta_seconds: float | None


class QueueDocument(Document):
    """The job's queue, and what the job waits for there; all but the name are null otherwise.

    ``place`` counts the jobs which have not begun, from 1; ``ahead`` the batches before it.
    """

    name: str
    place: int | None = None
    ahead: int | None = None
    reason: str | None = None


class OriginDocument(Document):
    """The iteration of another job from which a job went on."""

    job: str
    iteration: int


class WebhookDocument(Document):
    """Whether a job's end was told: armed (not over yet), waiting, delivered or failed."""

    host: str
    state: str
    attempts: int
    error: str | None
    delivered: datetime | None


class JobDocument(Document):
    """A job: its specification with every default filled in, and how far it is."""

    id: str
    name: str
    owner: str
    group: str | None
    dataset: str
    status: str
    status_reason: str | None
    priority: int
    queue: QueueDocument
    continues: OriginDocument | None
    webhook: WebhookDocument | None
    spec: dict[str, Any]
    progress: ProgressDocument
    created: datetime
    started: datetime | None
    finished: datetime | None


class JobPage(Document):
    """One page of jobs."""

    items: list[JobDocument]
    cursor: str | None = None


class Validation(Document):
    """The specification as it would be stored; ``remarks`` on what fits and is hardly meant."""

    valid: bool
    spec: dict[str, Any]
    remarks: list[Fault] = Field(default_factory=list)


class Estimate(Document):
    """What a job would need, roughly."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    words: str


class IterationDocument(Document):
    """One finished iteration and its metrics."""

    number: int
    metrics: dict[str, Any]
    started: datetime
    finished: datetime | None
    seconds: float | None
    files: list[StoredFile] = Field(default_factory=list)


class IterationList(Document):
    """The finished iterations of a job, first to last."""

    items: list[IterationDocument]


class EventDocument(Document):
    """Something that happened to a job."""

    id: int
    time: datetime
    kind: str
    data: dict[str, Any]


class EventPage(Document):
    """Events in the order in which they happened; ask on with ``after`` = the last id."""

    items: list[EventDocument]
    cursor: str | None = None
