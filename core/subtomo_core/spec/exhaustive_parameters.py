"""Parameters of the algorithms that look at every rotation and shift (Scheres et al. 2009)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from subtomo_core.spec.assignment import Assignment
from subtomo_core.spec.parameters import ReferenceParameters, Work


class ExhaustiveParameters(ReferenceParameters):
    """What is looked at, and how averages are made.

    Rotations are those of an even grid, about ``step_deg`` degrees apart. With ``grid`` turned
    the whole grid is turned at random in each iteration, so that the search does not lock into
    it. Shifts are whole voxels.

    Averages divide by the sum of weights where it is above ``threshold``, and are 0 elsewhere.
    With ``masked`` references are cut to the mask, which is no part of the published method.
    """

    step_deg: Annotated[float, Field(ge=4.0, le=60.0)] = 15.0
    grid: Literal["turned", "fixed"] = "turned"
    threshold: Annotated[float, Field(gt=0.0)] = 0.1
    masked: bool = False
    regularisation: Annotated[float, Field(ge=0.0)] = 5.0
    regularisation_iterations: Annotated[int, Field(ge=0)] = 5

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
    """Parameters of maximum likelihood over every pose.

    ``averaging`` fills what is missing of each particle with the present estimate (``fill``), or
    divides by the sum of weights (``weighted``). ``sweeps`` fill in so often from the same
    posteriors: the more, the nearer to weighted averages. ``sigma`` and ``temperature`` as for
    FAML; below 1 a temperature makes poses surer than the noise lets them be.

    With ``pruning`` a coarse pass, of twice the step and half the radius, goes before: only
    rotations that carry this share of its posterior are looked at closely.
    """

    averaging: Literal["fill", "weighted"] = "fill"
    sweeps: Annotated[int, Field(ge=1, le=100)] = 1
    noise: Literal["white", "shells"] | None = None
    sigma: Annotated[float | None, Field(gt=0.0)] = None
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    pruning: Annotated[float | None, Field(gt=0.5, lt=1.0)] = None

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
