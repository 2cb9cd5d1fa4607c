"""Datasets, maps and uploads as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from subtomo_core.spec.missing_region import Complete, MissingRegion
from subtomo_core.spec.strict import Strict
from subtomo_server.http.documents import Changes, Document, Fault, Name
from subtomo_server.simulating.recipe import Recipe

MOST_SIMULATED_VOXELS = 1 << 27  # the server holds them in memory
_OF_FILES = ("missing", "voxel_size_angstrom", "dark_particles", "source")


class Source(Strict):
    """Files already on the facility's disk; they are read where they are."""

    path: Path


class NewDataset(Strict):
    """A dataset to be made; its files come afterwards.

    With ``simulation`` the server makes the particles when the dataset is sealed: upload only
    the models and maps that its structures name.
    """

    name: Name
    voxel_size_angstrom: Annotated[float | None, Field(gt=0.0, le=1000.0)] = None
    missing: MissingRegion = Complete()
    dark_particles: bool = False
    source: Source | None = None
    simulation: Recipe | None = None
    group: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _missing_is_told(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if value.get("simulation") is not None:
            told = [name for name in _OF_FILES if name in value]
            if told:
                raise ValueError(
                    f"the field '{told[0]}' has no meaning beside 'simulation', which says all "
                    "about the particles: leave it out"
                )
        elif "missing" not in value:
            raise ValueError(
                "the field 'missing' is required: say which region of Fourier space the "
                'particles lack, for example {"kind": "wedge", "tilt_min_deg": -60, '
                '"tilt_max_deg": 60, "axis": "y"}, or {"kind": "none"}'
            )
        return value

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
        recipe = self.simulation
        if recipe and recipe.voxels > MOST_SIMULATED_VOXELS:
            raise ValueError(
                f"{recipe.particles} particles in boxes of {recipe.box} voxels are too many for "
                f"the server: ask for at most {MOST_SIMULATED_VOXELS // recipe.box**3}, or make "
                "them with the command subtomo simulate and upload them"
            )
        return self


class DatasetChanges(Changes):
    """What may change in a dataset; what tells of its particles, until it is ready."""

    missing: MissingRegion | None = None
    voxel_size_angstrom: Annotated[float | None, Field(gt=0.0, le=1000.0)] = None
    dark_particles: bool | None = None


class RegionProposal(Document):
    """The missing region that a table tells of, and why; both null where it tells none."""

    missing: dict[str, Any] | None
    reason: str | None


class OpenUpload(Document):
    """A resumable upload which has not ended: ``offset`` of ``size`` bytes have come."""

    id: str
    name: str
    size: int
    sha256: str | None
    offset: int
    expires: datetime


class OpenUploads(Document):
    """The uploads into a dataset which have not ended."""

    items: list[OpenUpload]


class UsageDocument(Document):
    """Bytes which your datasets, unfinished uploads, maps and jobs take of your quota.

    A running job counts with what is held for it. ``quota_bytes`` and ``free_bytes`` are null
    where you have no quota.
    """

    used_bytes: int
    quota_bytes: int | None
    free_bytes: int | None
    datasets_bytes: int
    uploads_bytes: int
    maps_bytes: int
    jobs_bytes: int


class DatasetDocument(Document):
    """A dataset. ``particles`` and ``box`` are known once its status is ``ready``.

    ``source`` is where registered files lie; ``simulation`` what the particles were made of, and
    ``/truth`` tells the truth about them; ``selection`` which particles of a job's result they
    are, and in which box; ``remarks`` say what was copied and what left out;
    ``missing`` is what was said, and of a ready dataset what was found: of particles that differ
    ``each``, with its parts. ``size_bytes`` is what a ready dataset takes of its owner's quota.
    """

    id: str
    name: str
    owner: str
    group: str | None
    status: str
    problems: list[Fault] = Field(default_factory=list)
    missing: dict[str, Any]
    voxel_size_angstrom: float | None
    dark_particles: bool
    particles: int | None
    box: int | None
    source: str | None
    simulation: dict[str, Any] | None
    selection: dict[str, Any] | None
    size_bytes: int
    remarks: list[str]
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
