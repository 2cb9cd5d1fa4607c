"""What is to be simulated, as a command or a request says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from subtomo_core.errors import InputError
from subtomo_core.simulate import Crowd, Microscope, Optics, TiltSeries
from subtomo_core.spec.missing_region import MissingRegion, Weights
from subtomo_core.spec.strict import Strict
from subtomo_server.http.validation import read_document
from subtomo_server.simulating.structures import check_name

MOST_VOXELS = 1 << 30  # of all particles in one form: they are held in memory
_MOST_STRUCTURES = 64

Form = Literal["direct", "sums", "projections"]


def _with_pointer(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """What the core refuses is told at the field where it stands."""
    try:
        return read(value)
    except InputError as error:
        raise ValueError(str(error)) from error


def _known(name: str) -> str:
    check_name(name)
    return name


Told = WrapValidator(_with_pointer)
StructureName = Annotated[str, AfterValidator(_known), Told]


class Recipe(Strict):
    """Particles of known structures in known poses.

    ``structures`` are phantoms (``blob``, ``blob:SEED``, ``barrel``, ``helix``,
    ``complex:GROUP``, ``shell:GROUP``) or files: atomic models (PDB, mmCIF) or maps (MRC, EM) of
    this box and voxel size. ``counts`` has a number for each structure, or one for all. The form
    ``direct`` is volumes in white noise behind a missing region; ``sums`` (with weights) and
    ``projections`` are made of images of a tilt series. ``snr`` is that of a volume, or of an
    image. Without images, microscope and optics have no meaning, and neighbours, membranes, empty
    boxes and lost images cannot be had.
    """

    structures: tuple[StructureName, ...]
    counts: tuple[Annotated[int, Field(ge=1)], ...] = (100,)
    form: Form = "direct"
    snr: Annotated[float, Field(gt=0.0, le=1e9)] = 0.02
    box: Annotated[int, Field(ge=8, le=256)] = 32
    voxel_size_angstrom: Annotated[float, Field(ge=0.1, le=1000.0)] = 6.0
    diameter_angstrom: Annotated[
        float | None, Field(gt=0.0, description="Of phantoms; 0.7 of the box by default.")
    ] = None
    tilts: Annotated[TiltSeries, Told] = TiltSeries()
    microscope: Annotated[Microscope, Told] = Microscope()
    optics: Annotated[Optics, Told] = Optics()
    crowd: Annotated[Crowd, Told] = Crowd()
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        for rule in (self._counts_fit, self._fits_memory, self._is_uncrowded):
            rule()
        return self

    def _counts_fit(self) -> None:
        if not 1 <= len(self.structures) <= _MOST_STRUCTURES:
            raise ValueError(f"name at least one structure, and at most {_MOST_STRUCTURES}")
        if len(self.counts) not in (1, len(self.structures)):
            raise ValueError(
                f"{len(self.counts)} counts were given for {len(self.structures)} structures: "
                "give one count, or one for each"
            )

    def _fits_memory(self) -> None:
        if self.voxels > MOST_VOXELS:
            raise ValueError(
                f"{self.particles} particles in boxes of {self.box} voxels are too many to make at "
                f"once: ask for at most {MOST_VOXELS // self.box**3}, or for smaller boxes"
            )

    def _is_uncrowded(self) -> None:
        crowded = self.crowd.neighbours or self.crowd.membrane_share or self.crowd.empty
        if self.form == "direct" and (crowded or self.tilts.lost):
            raise ValueError(
                "neighbours, membranes, empty boxes and lost images are simulated in images only: "
                "choose a form that is made of images"
            )

    @property
    def each(self) -> tuple[int, ...]:
        """Particles of each structure."""
        return self.counts * len(self.structures) if len(self.counts) == 1 else self.counts

    @property
    def particles(self) -> int:
        """Boxes in all, those of junk too."""
        return sum(self.each) + self.crowd.junk + self.crowd.empty

    @property
    def voxels(self) -> int:
        """Of all boxes, in one form."""
        return self.particles * self.box**3

    @property
    def diameter(self) -> float:
        """Of phantoms, in ångström."""
        return self.diameter_angstrom or 0.7 * self.box * self.voxel_size_angstrom

    @property
    def missing(self) -> MissingRegion:
        """What the particles lack."""
        return Weights() if self.form == "sums" else self.series.missing

    @property
    def series(self) -> TiltSeries:
        """The tilts; without images there are no steps between the first and the last."""
        if self.form != "direct":
            return self.tilts
        return replace(self.tilts, step_deg=self.tilts.last_deg - self.tilts.first_deg)


def recipe_of(fields: Mapping[str, Any]) -> Recipe:
    """Recipe of a command's options.

    Raises
    ------
    InputError
        If they make no sense.
    """
    return read_document(Recipe.model_validate, fields)
