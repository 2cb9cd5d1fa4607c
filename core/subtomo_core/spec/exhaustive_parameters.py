"""Parameters of the algorithms that look at every rotation and shift (Scheres et al. 2009)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from subtomo_core.spec.assignment import Assignment
from subtomo_core.spec.parameters import ReferenceParameters
from subtomo_core.spec.search_parameters import (
    NoiseKind,
    Regularisation,
    RegularisedIterations,
    Sigma,
    Work,
)


class ExhaustiveParameters(ReferenceParameters):
    """What is looked at, and how averages are made: shifts are whole voxels."""

    step_deg: Annotated[
        float,
        Field(
            ge=4.0,
            le=60.0,
            title="Step of the rotations (°)",
            description="Rotations are those of an even grid; the cost goes with the third power.",
        ),
    ] = 15.0
    grid: Annotated[
        Literal["turned", "fixed"],
        Field(
            title="Grid of rotations",
            description="Turned at random in each iteration, so that the search does not lock into "
            "it, or fixed.",
        ),
    ] = "turned"
    threshold: Annotated[
        float,
        Field(
            gt=0.0,
            title="Least weight",
            description="Averages divide by the sum of weights where it is above this, and are 0 "
            "elsewhere.",
        ),
    ] = 0.1
    masked: Annotated[
        bool,
        Field(
            title="Mask the references",
            description="Cut them to the mask, which is no part of the published method.",
        ),
    ] = False
    regularisation: Regularisation = 5.0
    regularisation_iterations: RegularisedIterations = 5

    @property
    def fillings(self) -> int:
        """How often averages are filled in an iteration, where they are."""
        return 1

    @property
    def coarse_share(self) -> float | None:
        """Share of a coarse pass's posterior that is looked at closely; None without one."""
        return None

    def seconds(self, work: Work) -> float:
        """Those of every rotation with every class."""
        if self.poses == "fixed":
            return 1e-3 * work.classes
        rotations = 8.0 * math.pi**2 / math.radians(self.step_deg) ** 3
        if self.search_range_deg is not None:
            angle = math.radians(self.search_range_deg)
            rotations = max(1.0, rotations * (angle - math.sin(angle)) / math.pi)
        return work.classes * rotations * (8e-6 + 4.5e-5 * work.components)


class CcParameters(ExhaustiveParameters):
    """Parameters of hard assignment by constrained correlation over every pose."""

    @property
    def assignment(self) -> Assignment:
        """Hard, with classes drawn together at first."""
        return Assignment(
            regularisation=self.regularisation, drawn_together=self.regularisation_iterations
        )


class MlParameters(ExhaustiveParameters):
    """Parameters of maximum likelihood over every pose."""

    averaging: Annotated[
        Literal["fill", "weighted"],
        Field(
            title="Averaging",
            description="Fill what is missing of each particle with the present estimate, or "
            "divide by the sum of weights.",
        ),
    ] = "fill"
    sweeps: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            title="Fillings in an iteration",
            description="From the same posteriors: the more, the nearer to weighted averages.",
        ),
    ] = 1
    noise: NoiseKind = None
    sigma: Sigma = None
    temperature: Annotated[
        float,
        Field(
            gt=0.0,
            le=100.0,
            title="Temperature",
            description="Divides log-likelihoods: above 1 poses are less sure, below 1 surer than "
            "the noise lets them be.",
        ),
    ] = 1.0
    pruning: Annotated[
        float | None,
        Field(
            gt=0.5,
            lt=1.0,
            title="Pruning",
            description="A coarse pass goes before, of twice the step and half the radius: only "
            "rotations that carry this share of its posterior are looked at closely.",
        ),
    ] = None

    @property
    def fillings(self) -> int:
        """As the job asks."""
        return self.sweeps

    @property
    def coarse_share(self) -> float | None:
        """As the job asks."""
        return self.pruning

    @property
    def assignment(self) -> Assignment:
        """Soft, by likelihood."""
        return Assignment(
            soft=True,
            noise=self.noise,
            sigma=self.sigma,
            fills=self.averaging == "fill",
            temperature=self.temperature,
            regularisation=self.regularisation,
            drawn_together=self.regularisation_iterations,
        )
