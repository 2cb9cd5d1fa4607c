"""Job specifications: the API's request body, the stored record and the method's argument.

Written once, here. This module imports no numerics, so that a server starts fast.
Lengths are in ångström and angles in degrees, as everywhere at the edges.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from subtomo_core.spec.mask_and_resolution import AnyMask, Mask, PairwiseResolution, Resolution
from subtomo_core.spec.parameters import (
    FamlParameters,
    FaParameters,
    FrmParameters,
    GradientParameters,
    PairwiseParameters,
    SagParameters,
)
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

    @property
    def symmetries(self) -> tuple[str, ...]:
        """Point group of each class."""
        if isinstance(self.symmetry, str):
            return (self.symmetry,) * self.classes
        return self.symmetry


class FamlSpec(JobBase):
    """Fast alignment with maximum likelihood (Zhao et al. 2018)."""

    algorithm: Literal["faml"]
    parameters: FamlParameters = FamlParameters()


class FaSpec(JobBase):
    """Fast alignment with hard assignment (Xu et al. 2012)."""

    algorithm: Literal["fa"]
    parameters: FaParameters = FaParameters()


class RefinementBase(JobBase):
    """Refinement to references, hard assignment, and gold-standard halves unless told otherwise."""

    half_sets: bool = True


class FrmSpec(RefinementBase):
    """Iterated rotational and translational matching (Chen et al. 2013)."""

    algorithm: Literal["frm"]
    parameters: FrmParameters = FrmParameters()


class SagSpec(RefinementBase):
    """Pose refinement by the stochastic average gradient (Lü et al. 2019)."""

    algorithm: Literal["sag"]
    parameters: SagParameters = SagParameters()


class GradientSpec(RefinementBase):
    """Gradient-guided pose refinement (Xu & Alber 2012)."""

    algorithm: Literal["gradient"]
    parameters: GradientParameters = GradientParameters()


class PairwiseSpec(JobBase):
    """Every particle aligned to every other one, and clustered (Xu & Alber 2012, Figure 6).

    ``classes`` is the number of clusters. Particles are compared as they lie (iteration 0), then
    aligned in pairs (1) and averaged in their clusters (2): nothing else is there to start from,
    to repeat or to keep apart.
    """

    algorithm: Literal["pairwise"]
    iterations: Literal[2] = 2
    start: RandomStart = RandomStart()
    starts: Literal[1] = 1
    trial_iterations: None = None
    stop_when_converged: Literal[False] = False
    symmetry: Literal["C1"] = "C1"
    half_sets: Literal[False] = False
    whole_tomograms: Literal[False] = False
    mask: Mask = Mask()
    resolution: PairwiseResolution = PairwiseResolution()
    parameters: PairwiseParameters = PairwiseParameters()


AnySpec = FamlSpec | FaSpec | FrmSpec | SagSpec | GradientSpec | PairwiseSpec


def _lower_algorithm(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("algorithm"), str):
        return {**value, "algorithm": value["algorithm"].lower()}
    return value


JobSpec = Annotated[
    Annotated[AnySpec, Field(discriminator="algorithm")], BeforeValidator(_lower_algorithm)
]

job_spec_adapter: TypeAdapter[AnySpec] = TypeAdapter(JobSpec)
