"""What the parameters of every algorithm share: how far a search goes, and what it costs."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from subtomo_core.errors import Problem
from subtomo_core.spec.assignment import HARD, Assignment
from subtomo_core.spec.start import Start
from subtomo_core.spec.strict import Strict

GridDegrees = Annotated[
    float,
    Field(
        ge=15.0,
        le=90.0,
        title="Grid (°)",
        description="An even grid has as many rotations as Euler angles so far apart make.",
    ),
]
Score = Annotated[
    Literal["rcs", "fcs"],
    Field(
        title="Score",
        description="The real-space constrained score (rcs), or the one in Fourier space (fcs).",
    ),
]

NoiseKind = Annotated[
    Literal["white", "shells"] | None,
    Field(
        title="Noise",
        description="White, or with a variance for each Fourier shell. By default shells where "
        "particles bring weights, else white.",
    ),
]
Sigma = Annotated[
    float | None,
    Field(
        gt=0.0,
        title="Sigma of the noise",
        description="Fixes its standard deviation, in those of a particle's background, or in the "
        "particles' own scale where they bring weights. Estimated by default.",
    ),
]
Regularisation = Annotated[
    float,
    Field(
        ge=0.0,
        title="Regularisation",
        description="How strongly the averages of several classes are drawn to their mean in "
        "the first iterations.",
    ),
]
RegularisedIterations = Annotated[
    int,
    Field(
        ge=0,
        title="Regularised iterations",
        description="In which classes are drawn together, less from one to the next.",
    ),
]


class Work(NamedTuple):
    """What the cost of a particle goes with.

    Attributes
    ----------
    classes, particles : int
        Of the job and of its dataset.
    components : float
        Fourier components in use, over those within 20 pixels.
    """

    classes: int
    particles: int
    components: float


class SearchParameters(Strict):
    """How far any search goes, and what sets the algorithm apart from others.

    Attributes
    ----------
    refines : bool
        A refiner finds the poses, from those that a search comes to.
    holds_out : bool
        Components are held out to judge the averages by: where references find the poses.
    least_batch : int
        Particles in a batch at the least, where a job does not say.
    least_batch_seconds : float
        CPU seconds of a batch at the least: each batch prepares the references anew.
    """

    refines: ClassVar[bool] = False
    holds_out: ClassVar[bool] = False
    least_batch: ClassVar[int] = 16
    least_batch_seconds: ClassVar[float] = 10.0

    shift_range_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Longest shift (Å)",
            description="From a particle's centre; between two particles, the longest which brings "
            "one onto the other.",
        ),
    ] = None

    @property
    def assignment(self) -> Assignment:
        """How particles are shared out among poses and classes."""
        return HARD

    @property
    def reach_angstrom(self) -> float | None:
        """Longest shift searched: from a particle's centre, or its present shift where limited."""
        return self.shift_range_angstrom

    @property
    def turns_about_normal(self) -> bool:
        """Particles turn about their own z axes only: the frame of the references stays."""
        return False

    def pose_problems(self, start: Start) -> list[Problem]:  # noqa: ARG002
        """What of the poses asked for does not fit the job's start."""
        return []

    @abstractmethod
    def seconds(self, work: Work) -> float:
        """Rough CPU seconds that one particle costs in one iteration (docs/benchmarks.md)."""
