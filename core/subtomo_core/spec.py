"""Job specifications: the API's request body, the stored record and the method's argument.

Written once, here. This module imports no numerics, so that a server starts fast.
Lengths are in ångström and angles in degrees, as everywhere at the edges.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from subtomo_core.parameters import (
    FamlParameters,
    FaParameters,
    FrmParameters,
    GradientParameters,
    PairwiseParameters,
    SagParameters,
)
from subtomo_core.point_groups import Symmetry
from subtomo_core.spec_parts import AnyMask, Mask, PairwiseResolution, Resolution
from subtomo_core.strict import Strict

Tilt = Annotated[float, Field(ge=-90.0, le=90.0)]


def _ordered(low: float, high: float, names: str) -> None:
    if not low < high:
        raise ValueError(
            f"the tilt range is upside down: {names} must rise, got {low:g} to {high:g} degrees"
        )


class Wedge(Strict):
    """Single-axis tilt series: observed between two tilt angles about ``axis``, beam along z."""

    kind: Literal["wedge"] = "wedge"
    tilt_min_deg: Tilt
    tilt_max_deg: Tilt
    axis: Literal["x", "y"] = "y"

    @model_validator(mode="after")
    def _rising(self) -> Wedge:
        _ordered(self.tilt_min_deg, self.tilt_max_deg, "tilt_min_deg and tilt_max_deg")
        return self


class Pyramid(Strict):
    """Dual-axis tilt series: the union of a wedge about y and one about x."""

    kind: Literal["pyramid"] = "pyramid"
    tilt_min_deg: Tilt
    tilt_max_deg: Tilt
    second_tilt_min_deg: Tilt
    second_tilt_max_deg: Tilt

    @model_validator(mode="after")
    def _rising(self) -> Pyramid:
        _ordered(self.tilt_min_deg, self.tilt_max_deg, "tilt_min_deg and tilt_max_deg")
        _ordered(
            self.second_tilt_min_deg,
            self.second_tilt_max_deg,
            "second_tilt_min_deg and second_tilt_max_deg",
        )
        return self


class Cone(Strict):
    """Conical tilt: missing where the angle to the beam is below ``half_angle_deg``."""

    kind: Literal["cone"] = "cone"
    half_angle_deg: Annotated[float, Field(gt=0.0, lt=90.0)]


class Complete(Strict):
    """Nothing is missing."""

    kind: Literal["none"] = "none"


class Weights(Strict):
    """Weights per Fourier component come with each particle (``rlnCtfImage``)."""

    kind: Literal["mask"] = "mask"


MissingRegion = Annotated[Wedge | Pyramid | Cone | Complete | Weights, Field(discriminator="kind")]


class DatasetSummary(Strict):
    """What a job needs to know of a dataset before it reads a particle."""

    particles: Annotated[int, Field(ge=1)]
    box: Annotated[int, Field(ge=8, le=512)]
    voxel_size_angstrom: Annotated[float, Field(gt=0.0)]
    missing: MissingRegion
    dark_particles: bool = False


class RandomStart(Strict):
    """Random classes and uniformly random orientations: no hint of any structure."""

    kind: Literal["random"] = "random"


class ParticleStart(Strict):
    """Single particles as first references, a different one for each class of each start.

    For few particles among much else, where random orientations lead to no frame: a particle
    shows one view of the structure. Starts run side by side for ``trial_iterations`` (default:
    three quarters of all), which are divided into ``rounds``; each begins again at the starting
    resolution with the averages of the one before.
    """

    kind: Literal["particles"] = "particles"
    rounds: Annotated[int, Field(ge=1, le=10)] = 3


class MapStart(Strict):
    """Uploaded maps as first references, low-passed; one map for each class, or one for all."""

    kind: Literal["maps"] = "maps"
    maps: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    low_pass_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class JobStart(Strict):
    """The classes of an earlier job as first references, low-passed."""

    kind: Literal["job"] = "job"
    job: str
    iteration: Annotated[int | None, Field(ge=0)] = None
    low_pass_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class PosesStart(Strict):
    """Known poses as iteration 0: the particles' own, or those of an earlier job on them.

    The particles' own stand in the STAR file which was uploaded with them: ``rlnAngleRot``,
    ``Tilt`` and ``Psi`` (or the priors of the last two), ``rlnOrigin*Angst``, and
    ``rlnClassNumber`` for more than one class; or in their Dynamo table. ``iteration`` is the
    earlier job's; its last by default. Classes which are given so are neither regularised nor
    balanced.
    """

    kind: Literal["poses"] = "poses"
    job: str | None = None
    iteration: Annotated[int | None, Field(ge=0)] = None

    @model_validator(mode="after")
    def _of_a_job(self) -> PosesStart:
        if self.iteration is not None and self.job is None:
            raise ValueError("an iteration is one of an earlier job: give 'job' as well")
        return self


Start = Annotated[
    RandomStart | ParticleStart | MapStart | JobStart | PosesStart, Field(discriminator="kind")
]


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
