"""What goes over the wire: bodies that come in, and documents that go out.

A job's specification is not here: it is `subtomo_core.spec`, written once.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    RootModel,
    StringConstraints,
    model_validator,
)

from subtomo_core.spec import Complete, JobSpec, MissingRegion
from subtomo_core.strict import Strict

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Document(BaseModel):
    """A document which the server sends."""

    model_config = ConfigDict(from_attributes=True)


class Source(Strict):
    """Files already on the facility's disk; they are read where they are."""

    path: Path


class NewDataset(Strict):
    """A dataset to be made; its files come afterwards."""

    name: Name
    voxel_size_angstrom: Annotated[float | None, Field(gt=0.0, le=1000.0)] = None
    missing: MissingRegion = Complete()
    dark_particles: bool = False
    source: Source | None = None
    group: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _missing_is_told(cls, value: Any) -> Any:
        if isinstance(value, dict) and "missing" not in value:
            raise ValueError(
                "the field 'missing' is required: say which region of Fourier space the "
                'particles lack, for example {"kind": "wedge", "tilt_min_deg": -60, '
                '"tilt_max_deg": 60, "axis": "y"}, or {"kind": "none"}'
            )
        return value


class Changes(Strict):
    """What may change in a dataset, a job or a map: its name, and the group it belongs to.

    ``group`` null gives it back to its maker alone; left out it stays.
    """

    name: Name | None = None
    group: str | None = None


class Fault(Document):
    """One thing wrong with an input, and where."""

    detail: str
    pointer: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""


class StoredFile(Document):
    """One uploaded file."""

    name: str
    size: int
    sha256: str


class StoredFiles(Document):
    """The files of a dataset, by name."""

    items: list[StoredFile]


class DatasetDocument(Document):
    """A dataset. ``particles`` and ``box`` are known once its status is ``ready``."""

    id: str
    name: str
    owner: str
    group: str | None
    status: str
    problems: list[Fault] = []
    missing: dict[str, Any]
    voxel_size_angstrom: float | None
    dark_particles: bool
    particles: int | None
    box: int | None
    created: datetime
    sealed: datetime | None


class DatasetPage(Document):
    """One page of datasets."""

    items: list[DatasetDocument]
    cursor: str | None = None


class MapDocument(Document):
    """An uploaded density map."""

    id: str
    name: str
    owner: str
    group: str | None
    box: int
    voxel_size_angstrom: float
    size: int
    sha256: str
    created: datetime


class MapPage(Document):
    """One page of maps."""

    items: list[MapDocument]
    cursor: str | None = None


class PostedSpec(RootModel[JobSpec]):
    """A job's specification, and beside it the ``group`` to which the job shall belong.

    A root model, since FastAPI would drop the union's own validators.
    """

    _group: str | None = PrivateAttr(None)

    @model_validator(mode="wrap")
    @classmethod
    def _take_group(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict) or "group" not in value:
            return handler(value)
        group = value["group"]
        if group is not None and not isinstance(group, str):
            raise ValueError("the field 'group' must be the name of a group")
        made = handler({key: entry for key, entry in value.items() if key != "group"})
        made._group = group
        return made

    @property
    def group(self) -> str | None:
        """Name of the group; None means the dataset's."""
        return self._group


class ProgressDocument(Document):
    """How far a job is; ``iteration`` is the one being worked on, or the last there was.

    A job which converges ends before it reaches ``iterations``.
    """

    iteration: int
    iterations: int
    particles_done: int
    particles: int
    fraction: float
    eta_seconds: float | None


class JobDocument(Document):
    """A job: its specification with every default filled in, and how far it is."""

    id: str
    name: str
    owner: str
    group: str | None
    dataset: str
    status: str
    status_reason: str | None
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
    """The specification as it would be stored."""

    valid: bool
    spec: dict[str, Any]


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
    files: list[StoredFile] = []


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


class Check(Document):
    """One part which the service needs, and whether it works."""

    ok: bool
    detail: str


class Health(Document):
    """Whether the service can do its work."""

    status: str
    checks: dict[str, Check] = {}


class ServiceInfo(Document):
    """What this service is and can do."""

    id: str
    name: str
    version: str
    api: str
    description: str
    algorithms: list[str]
    max_upload_bytes: int
