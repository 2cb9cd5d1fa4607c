"""What the server tells, as frozen records.

Lengths are in ångström, angles in degrees, times in UTC. Fields which this version does not know
are passed over, so that an older client can talk to a newer server.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from subtomo.notebook import Reader, dataset_html, job_html

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})


class Record(BaseModel):
    """A frozen record of something on the server."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Shown(Record):
    """A record that a notebook shows with pictures, read when it is shown."""

    _reader: Reader = PrivateAttr(default_factory=Reader)

    def read_by(self, read: Callable[[str], bytes], url: str) -> Self:
        """The record itself, with what reads for it: bytes below the API, and the address."""
        self._reader = Reader(read, url)
        return self


class StoredFile(Record):
    """One uploaded file of a dataset."""

    name: str
    size: int
    sha256: str


class Dataset(Shown):
    """A set of particles; a job can use it once its status is ``ready``.

    ``status`` is one of open, checking, ready, rejected.
    """

    id: str
    name: str
    owner: str = ""
    group: str | None = None
    status: str
    particles: int | None = None
    box: int | None = None
    voxel_size_angstrom: float | None = None
    missing: dict[str, Any] | None = None
    dark_particles: bool = False
    source: str | None = None
    simulation: dict[str, Any] | None = None
    selection: dict[str, Any] | None = None
    size_bytes: int | None = None
    remarks: tuple[str, ...] = ()
    problems: tuple[dict[str, Any], ...] = ()
    created: datetime | None = None

    def _repr_html_(self) -> str:
        return dataset_html(self, self._reader)


class Usage(Record):
    """Bytes which a user takes of a quota; ``quota_bytes`` is None where there is none."""

    used_bytes: int
    quota_bytes: int | None = None
    free_bytes: int | None = None
    datasets_bytes: int
    uploads_bytes: int
    maps_bytes: int
    jobs_bytes: int


class Map(Record):
    """A map, uploaded or drawn, for use as a starting reference or as a mask."""

    id: str
    name: str
    owner: str = ""
    group: str | None = None
    box: int | None = None
    voxel_size_angstrom: float | None = None
    sha256: str | None = None
    created: datetime | None = None


class Progress(Record):
    """How far a job has come.

    ``fraction`` runs from 0 to 1; ``eta_seconds`` is None while it cannot be told.
    """

    iteration: int = 0
    iterations: int = 0
    first_iteration: int = 0
    particles_done: int = 0
    particles: int = 0
    fraction: float = 0.0
    eta_seconds: float | None = None


class Queue(Record):
    """A job's queue, and what the job waits for there; all but the name is None otherwise.

    ``place`` counts the jobs which have not begun, ``ahead`` the batches before this one's.
    """

    name: str = "cpu"
    place: int | None = None
    ahead: int | None = None
    reason: str | None = None


class Origin(Record):
    """The iteration of another job from which a job went on."""

    job: str
    iteration: int


class Webhook(Record):
    """Whether a job's end was told: armed (not over yet), waiting, delivered or failed."""

    host: str
    state: str
    attempts: int = 0
    error: str | None = None
    delivered: datetime | None = None


class Job(Shown):
    """One run of an algorithm on a dataset.

    ``status`` is one of draft, queued, running, cancelling, succeeded, failed, cancelled;
    ``status_reason`` says in a sentence why it waits or failed, or that it converged early.
    """

    id: str
    name: str = ""
    owner: str = ""
    group: str | None = None
    dataset: str = ""
    status: str
    status_reason: str | None = None
    priority: int = 50
    queue: Queue = Queue()
    continues: Origin | None = None
    webhook: Webhook | None = None
    spec: dict[str, Any] = Field(default_factory=dict)
    progress: Progress = Progress()
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None

    def _repr_html_(self) -> str:
        return job_html(self, self._reader)

    @property
    def terminal(self) -> bool:
        """Whether the job has ended, one way or another."""
        return self.status in TERMINAL

    @property
    def classes(self) -> int:
        """Number of classes asked for."""
        return int(self.spec.get("classes", 1))

    @property
    def compares_pairs(self) -> bool:
        """Whether its iterations have a dissimilarity matrix."""
        return self.algorithm == "pairwise"

    @property
    def algorithm(self) -> str:
        """Name of the algorithm."""
        return str(self.spec.get("algorithm", ""))


class Iteration(Record):
    """One finished iteration; ``metrics`` holds class shares, resolution, noise and more."""

    number: int
    metrics: dict[str, Any] = Field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    seconds: float | None = None
    files: tuple[StoredFile, ...] = ()

    @property
    def class_shares(self) -> tuple[float, ...]:
        """Share of the particles in each class."""
        return tuple(self.metrics.get("class_shares") or ())

    @property
    def junk_share(self) -> float:
        """Share of the particles which show none of the classes."""
        return float(self.metrics.get("junk_share") or 0.0)

    @property
    def verdict(self) -> dict[str, Any] | None:
        """What the averages are worth: state, movement, summary, reasons, advice.

        Of a job's last iteration; None of all others.
        """
        return self.metrics.get("verdict")

    @property
    def resolution_angstrom(self) -> tuple[float | None, ...]:
        """Resolution of each class where the FSC falls below 0.143."""
        return tuple(self.metrics.get("resolution_0143_angstrom") or ())


class Event(Record):
    """Something that happened to a job."""

    id: int
    kind: str
    time: datetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class Alignment(Record):
    """Pose of one particle against a reference.

    Angles are RELION's ``rlnAngleRot``, ``Tilt`` and ``Psi`` in degrees; the origin is
    ``rlnOriginXAngst`` and so on. ``correlation`` is that within what the particle holds.
    """

    rot: float
    tilt: float
    psi: float
    origin_angstrom: tuple[float, float, float]
    correlation: float


class Estimate(Record):
    """What a job would need."""

    seconds: float
    memory_bytes: int
    disk_bytes: int
    words: str = ""
