"""What every job has, and what an algorithm may have otherwise."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.mask_and_resolution import AnyMask, Mask, Resolution
from subtomo_core.spec.point_groups import Symmetry
from subtomo_core.spec.start import RandomStart, Start
from subtomo_core.spec.strict import Strict


class JobBase(Strict):
    """What every job has.

    ``half_sets`` keeps two halves of the particles apart from the start, so that the correlation
    of their maps is gold standard beyond the resolution which their references share. The halves
    are those of the dataset's table (``rlnRandomSubset``) where it gives them; else particles
    that belong together stay in one half, and all others take turns.
    """

    name: Annotated[str, Field(max_length=200)] = ""
    dataset: str
    classes: Annotated[int, Field(ge=1, le=64)] = 1
    iterations: Annotated[int, Field(ge=1, le=500)] = 20
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    start: Start = RandomStart()
    starts: Annotated[
        int | None,
        Field(
            ge=1,
            le=64,
            description="Starts from random orientations or from particles which run side by "
            "side; the likeliest alone goes on.",
        ),
    ] = None
    trial_iterations: Annotated[
        int | None, Field(ge=1, description="Iterations after which one start is kept.")
    ] = None
    stop_when_converged: Annotated[
        bool,
        Field(description="End before the last iteration when the averages no longer change."),
    ] = True
    symmetry: Symmetry = "C1"
    half_sets: bool = False
    whole_tomograms: Annotated[
        bool, Field(description="With half sets: all particles of a tomogram are in one half.")
    ] = False
    mask: AnyMask = Mask()
    resolution: Resolution = Resolution()
    batch_particles: Annotated[int | None, Field(ge=1)] = None

    usual_limit: ClassVar[float] = 0.4  # finest shell in use unless told, of the box
    passes: ClassVar[float | None] = None  # over the particles, where iterations do not tell
    coarse_to_fine: ClassVar[bool] = True  # the resolution in use grows
    fits_mask: ClassVar[bool] = True  # to what the half maps agree on, unless told

    @property
    def symmetries(self) -> tuple[str, ...]:
        """Point group of each class."""
        if isinstance(self.symmetry, str):
            return (self.symmetry,) * self.classes
        return self.symmetry

    def problems(self, summary: DatasetSummary) -> list[Problem]:  # noqa: ARG002
        """What keeps this algorithm from a dataset, whatever the job's fields."""
        return []

    def work_in(self, iteration: int) -> float | None:  # noqa: ARG002
        """Work of an iteration over that of the longest; None where it follows the starts."""
        return None
