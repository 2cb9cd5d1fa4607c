"""Where a job starts from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from subtomo_core.spec.strict import Strict


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

    With ``random_classes`` poses alone are given, by a table without classes or by a job of one:
    the particles are dealt at random into as many classes as the job asks for, which are
    regularised and balanced as from random orientations.
    """

    kind: Literal["poses"] = "poses"
    job: str | None = None
    iteration: Annotated[int | None, Field(ge=0)] = None
    random_classes: bool = False

    @model_validator(mode="after")
    def _of_a_job(self) -> PosesStart:
        if self.iteration is not None and self.job is None:
            raise ValueError("an iteration is one of an earlier job: give 'job' as well")
        return self


Start = Annotated[
    RandomStart | ParticleStart | MapStart | JobStart | PosesStart, Field(discriminator="kind")
]
