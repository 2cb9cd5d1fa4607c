"""What every job has, and what an algorithm may have otherwise."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.mask_and_resolution import AnyMask, Mask, Resolution
from subtomo_core.spec.point_groups import Symmetry
from subtomo_core.spec.start import PosesStart, RandomStart, Start
from subtomo_core.spec.strict import Strict

Iterations = Annotated[
    int,
    Field(
        ge=1,
        le=500,
        title="Iterations",
        description="At the most: a job that converges ends before.",
    ),
]
HalfSets = Annotated[
    bool,
    Field(
        title="Half sets",
        description="Keep two halves of the particles apart from the start, for a gold-standard "
        "resolution. The halves are those of the particles' table (rlnRandomSubset) where it gives "
        "them; else particles that belong together stay in one half, and all others take turns.",
    ),
]


class JobBase(Strict):
    """What every job has.

    ``half_sets`` keeps two halves of the particles apart from the start, so that the correlation
    of their maps is gold standard beyond the resolution which their references share.
    """

    name: Annotated[
        str, Field(max_length=200, title="Name", description="For people; any text.")
    ] = ""
    dataset: Annotated[str, Field(title="Dataset", description="Id of the particles.")]
    classes: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            title="Classes",
            description="Structures that the particles are sorted into (K).",
        ),
    ] = 1
    iterations: Iterations = 20
    seed: Annotated[
        int,
        Field(
            ge=0,
            lt=2**63,
            title="Seed",
            description="Of all random numbers: the same seed gives the same result.",
        ),
    ] = 1
    start: Annotated[
        Start, Field(title="Start from", description="What the first references are.")
    ] = RandomStart()
    starts: Annotated[
        int | None,
        Field(
            ge=1,
            le=64,
            title="Starts side by side",
            description="Starts from random orientations or from particles which run side by "
            "side; the likeliest alone goes on.",
        ),
    ] = None
    trial_iterations: Annotated[
        int | None,
        Field(
            ge=1,
            title="Iterations of the trial",
            description="Iterations after which one start is kept.",
        ),
    ] = None
    stop_when_converged: Annotated[
        bool,
        Field(
            title="Stop when converged",
            description="End before the last iteration when the averages no longer change.",
        ),
    ] = True
    symmetry: Annotated[
        Symmetry,
        Field(
            title="Symmetry",
            description="Point group: C1, C7, D7, T, O, I. One for all classes, or one for each.",
        ),
    ] = "C1"
    half_sets: HalfSets = False
    whole_tomograms: Annotated[
        bool,
        Field(
            title="Whole tomograms in one half",
            description="With half sets: all particles of a tomogram are in one half.",
        ),
    ] = False
    mask: Annotated[
        AnyMask,
        Field(title="Mask", description="References are nothing outside of it."),
    ] = Mask()
    resolution: Annotated[
        Resolution, Field(title="Resolution", description="How finely particles are compared.")
    ] = Resolution()
    batch_particles: Annotated[
        int | None,
        Field(
            ge=1,
            title="Particles in a batch",
            description="Workers take particles in batches; smaller ones share a job out among "
            "more workers.",
        ),
    ] = None

    usual_limit: ClassVar[float] = 0.4  # finest shell in use unless told, of the box
    passes: ClassVar[float | None] = None  # over the particles, where iterations do not tell
    coarse_to_fine: ClassVar[bool] = True  # the resolution in use grows
    fits_mask: ClassVar[bool] = True  # to what the half maps agree on, unless told
    several_starts: ClassVar[bool] = True  # may run side by side

    @property
    def symmetries(self) -> tuple[str, ...]:
        """Point group of each class."""
        if isinstance(self.symmetry, str):
            return (self.symmetry,) * self.classes
        return self.symmetry

    @property
    def deals_classes(self) -> bool:
        """Particles that start from poses are dealt into classes at random."""
        return isinstance(self.start, PosesStart) and self.start.random_classes

    def problems(self, summary: DatasetSummary) -> list[Problem]:  # noqa: ARG002
        """What keeps this algorithm from a dataset, whatever the job's fields."""
        return []

    def work_in(self, iteration: int) -> float | None:  # noqa: ARG002
        """Work of an iteration over that of the longest; None where it follows the starts."""
        return None
