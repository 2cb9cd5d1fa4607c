"""What the repositories hand out: frozen records, never objects of the database layer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter

from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec, job_spec_adapter
from subtomo_core.spec.missing_region import FoundRegion

DatasetStatus = Literal["open", "checking", "ready", "rejected"]
JobStatus = Literal["draft", "queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
QueueName = Literal["cpu", "preview"]
TaskKind = Literal["begin", "align", "reduce"]
TaskState = Literal["waiting", "ready", "leased", "done", "failed", "dropped"]
EventKind = Literal["status", "progress", "iteration", "note", "alarm"]
Verdict = Literal["keep", "cancel", "lost"]

T = TypeVar("T")
R = TypeVar("R")

TERMINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
_region_adapter: TypeAdapter[FoundRegion] = TypeAdapter(FoundRegion)


def copied(kind: type[R], row: object) -> R:
    """Copy a row's columns into the record ``kind``, field by field."""
    return kind(**{field.name: getattr(row, field.name) for field in fields(kind)})  # type: ignore[arg-type]


class Message(NamedTuple):
    """A bell to ring after the commit, in a queue: the kind of a task and its id, nothing else.

    It wakes a worker, which then takes the best task there is (`subtomo_store.jobs.dispatch`).
    """

    kind: TaskKind
    task_id: str
    queue: QueueName


class Page(NamedTuple, Generic[T]):
    """One page of a list; ``cursor`` asks for the next one and is None at the end."""

    items: list[T]
    cursor: str | None


@dataclass(frozen=True)
class FileRecord:
    """One stored file: name, size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """A set of subtomograms. ``particles`` and ``box`` are known once it is ``ready``.

    ``size_bytes`` is what it takes of its owner's quota once it is ready, ``touched`` when a
    file last came, ``simulation`` what the server makes its particles of, ``selection`` which
    particles of a job's result they are.
    """

    id: str
    user_id: str
    group_id: str | None
    owner: str
    group: str | None
    name: str
    status: DatasetStatus
    problems: list[dict[str, Any]]
    missing: dict[str, Any]
    voxel_size_angstrom: float | None
    dark_particles: bool
    source: str | None
    simulation: dict[str, Any] | None
    selection: dict[str, Any] | None
    particles: int | None
    box: int | None
    size_bytes: int
    remarks: list[str]
    created: datetime
    touched: datetime
    sealed: datetime | None

    @property
    def summary(self) -> DatasetSummary:
        """What a job needs to know; only a ``ready`` dataset has one."""
        return DatasetSummary(
            particles=self.particles or 0,
            box=self.box or 0,
            voxel_size_angstrom=self.voxel_size_angstrom or 0.0,
            missing=_region_adapter.validate_python(self.missing),
            dark_particles=self.dark_particles,
        )


@dataclass(frozen=True)
class Upload:
    """A resumable upload of one file; how much has come, the file itself tells.

    ``sha256`` is what the sender announced, if anything; ``finished`` when the file appeared in
    its dataset.
    """

    id: str
    dataset_id: str
    name: str
    size: int
    sha256: str | None
    created: datetime
    expires: datetime
    finished: datetime | None


@dataclass(frozen=True)
class Map:
    """An uploaded density map, for starting references."""

    id: str
    user_id: str
    group_id: str | None
    owner: str
    group: str | None
    name: str
    box: int
    voxel_size_angstrom: float
    size: int
    sha256: str
    created: datetime


@dataclass(frozen=True)
class Job:
    """A job's record. ``version`` changes whenever anything visible does (an ETag).

    ``asked`` is the specification before its defaults were filled in. ``served`` is when a
    worker last took a task of it. A job which ``continues`` another one begins with
    ``first_iteration`` from the model of the iteration before; others with 0.
    """

    id: str
    user_id: str
    group_id: str | None
    owner: str
    group: str | None
    dataset_id: str
    name: str
    spec: dict[str, Any]
    asked: dict[str, Any] | None
    status: JobStatus
    status_reason: str | None
    priority: int
    queue: QueueName
    served: datetime | None
    particles: int
    first_iteration: int
    continues: str | None
    iteration: int | None
    version: int
    created: datetime
    started: datetime | None
    finished: datetime | None

    @property
    def parsed_spec(self) -> AnySpec:
        """The specification as the core knows it."""
        return job_spec_adapter.validate_python(self.spec)

    @property
    def iterations(self) -> int:
        """Last iteration's number: they run from ``first_iteration`` (0, the survey) to it."""
        return int(self.spec["iterations"])

    @property
    def terminal(self) -> bool:
        """Whether the status is final."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class Progress:
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

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Iteration:
    """One iteration of a job; ``metrics`` and ``finished`` are None until it is published."""

    job_id: str
    number: int
    batches: int
    remaining: int
    metrics: dict[str, Any] | None
    started: datetime
    finished: datetime | None
    seconds: float | None


@dataclass(frozen=True)
class Task:
    """A piece of a job. ``first`` to ``last`` (excluded) are the particles of a batch."""

    id: str
    job_id: str
    iteration: int
    kind: TaskKind
    batch: int
    first: int
    last: int
    state: TaskState
    attempts: int
    fence: int
    worker: str | None
    lease_until: datetime | None

    def __str__(self) -> str:
        """In words: ``iteration 3, particles 1 to 100``."""
        if self.kind == "begin":
            return "starting the job"
        if self.kind == "reduce":
            return f"iteration {self.iteration}, averaging"
        return f"iteration {self.iteration}, particles {self.first + 1} to {self.last}"

    particles_done: int
    seconds: float | None
    error: str | None


@dataclass(frozen=True)
class Lease:
    """The right to work on ``task``; only the holder of its newest ``fence`` may publish."""

    task: Task
    worker: str
    fence: int


@dataclass(frozen=True)
class Event:
    """Something that happened to a job."""

    id: int
    job_id: str
    time: datetime
    kind: EventKind
    data: dict[str, Any]


@dataclass(frozen=True)
class Worker:
    """A worker process and its last sign of life; workers may share a ``name``.

    ``host``, ``namespace``, ``pid`` and ``born`` (its start, seconds since 1970) tell the process
    from every other: a process id alone comes back. ``parent_pid`` and ``parent_born`` are those
    of the process which started it, where that can be seen.
    """

    id: str
    name: str
    queues: list[QueueName]
    host: str
    namespace: str
    pid: int
    born: float
    parent_pid: int | None
    parent_born: float | None
    threads: int
    started: datetime
    heartbeat: datetime


@dataclass(frozen=True)
class Answer:
    """The first answer to an idempotency key."""

    status: int
    response: dict[str, Any]
