"""Documents about the service itself, as they are sent."""

from __future__ import annotations

from pydantic import Field

from subtomo_server.http.documents import Document


class Check(Document):
    """One part which the service needs, and whether it works."""

    ok: bool
    detail: str


class Health(Document):
    """Whether the service can do its work."""

    status: str
    checks: dict[str, Check] = Field(default_factory=dict)


class ServiceLimits(Document):
    """What the service takes at most, and how often it tries."""

    upload_bytes: int
    document_bytes: int
    wait_seconds: float
    attempts: int
    batches_at_once: int


class Storage(Document):
    """The disk below the data folder, in bytes; what is free, rounded to a hundredth of it."""

    total_bytes: int
    free_bytes: int


class ServiceInfo(Document):
    """What this service is and can do; ``resting`` says why no new work is handed out."""

    id: str
    name: str
    version: str
    api: str
    description: str
    algorithms: list[str]
    queues: list[str]
    limits: ServiceLimits
    storage: Storage
    resting: str | None = None
