"""Where a job starts from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from subtomo_core.spec.references import JobId, MapId
from subtomo_core.spec.strict import Strict, titled

LowPass = Annotated[
    float | None,
    Field(
        gt=0.0,
        title="Low-pass of the references (Å)",
        description="So that the search begins coarsely and adds nothing of its own.",
    ),
]


class RandomStart(Strict):
    """Random classes and uniformly random orientations: no hint of any structure."""

    model_config = titled("random orientations")

    kind: Literal["random"] = "random"


class ParticleStart(Strict):
    """Single particles as first references, a different one for each class of each start.

    For few particles among much else, where random orientations lead to no frame: a particle
    shows one view of the structure. Starts run side by side for ``trial_iterations`` (default:
    three quarters of all), which are divided into ``rounds``.
    """

    model_config = titled("single particles")

    kind: Literal["particles"] = "particles"
    rounds: Annotated[
        int,
        Field(
            ge=1,
            le=10,
            title="Rounds",
            description="Parts of the trial; each begins again at the starting resolution with the "
            "averages of the one before.",
        ),
    ] = 3


class MapStart(Strict):
    """Uploaded maps as first references, low-passed; one map for each class, or one for all."""

    model_config = titled("uploaded maps")

    kind: Literal["maps"] = "maps"
    maps: Annotated[
        tuple[MapId, ...],
        Field(
            min_length=1,
            max_length=64,
            title="Maps",
            description="One for each class, or one for all.",
        ),
    ]
    low_pass_angstrom: LowPass = None


class JobStart(Strict):
    """The classes of an earlier job as first references, low-passed."""

    model_config = titled("the averages of another job")

    kind: Literal["job"] = "job"
    job: Annotated[
        JobId, Field(title="Job", description="Its particles have the same box and voxel size.")
    ]
    iteration: Annotated[
        int | None,
        Field(ge=0, title="Iteration of that job", description="Its last by default."),
    ] = None
    low_pass_angstrom: LowPass = None


class PosesStart(Strict):
    """Known poses as iteration 0: the particles' own, or those of an earlier job on them.

    That job may have seen them binned, or beside others: its dataset was made from this one, this
    one from it, or both from a third.

    The particles' own stand in the STAR file which was uploaded with them: ``rlnAngleRot``,
    ``Tilt`` and ``Psi`` (or the priors of the last two), ``rlnOrigin*Angst``, and
    ``rlnClassNumber`` for more than one class; or in their Dynamo table. Classes which are given
    so are neither regularised nor balanced; those that are dealt at random are, as from random
    orientations.
    """

    model_config = titled("known poses")

    kind: Literal["poses"] = "poses"
    job: Annotated[
        JobId | None,
        Field(
            title="Job",
            description="Whose poses of these particles are taken; without one, those of the "
            "particles' own table.",
        ),
    ] = None
    iteration: Annotated[
        int | None,
        Field(ge=0, title="Iteration of that job", description="Its last by default."),
    ] = None
    random_classes: Annotated[
        bool,
        Field(
            title="Deal into classes",
            description="Take the poses alone, of a table without classes or of a job of one "
            "class, and deal the particles into classes at random.",
        ),
    ] = False

    @model_validator(mode="after")
    def _of_a_job(self) -> PosesStart:
        if self.iteration is not None and self.job is None:
            raise ValueError("an iteration is one of an earlier job: give 'job' as well")
        return self


Start = Annotated[
    RandomStart | ParticleStart | MapStart | JobStart | PosesStart, Field(discriminator="kind")
]
