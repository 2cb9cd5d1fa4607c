"""Parameters of each algorithm, as they stand in a specification."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from subtomo_core.spec.assignment import HARD, Assignment
from subtomo_core.spec.strict import Strict


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

    ``shift_range_angstrom`` is the longest shift from a particle's centre; between two particles,
    the longest which brings one onto the other.

    Attributes
    ----------
    refines : bool
        A refiner finds the poses, from those that a search comes to.
    least_batch : int
        Particles in a batch at the least, where a job does not say.
    least_batch_seconds : float
        CPU seconds of a batch at the least: each batch prepares the references anew.
    """

    refines: ClassVar[bool] = False
    least_batch: ClassVar[int] = 16
    least_batch_seconds: ClassVar[float] = 10.0

    shift_range_angstrom: Annotated[float | None, Field(gt=0.0)] = None

    @property
    def assignment(self) -> Assignment:
        """How particles are shared out among poses and classes."""
        return HARD

    @property
    def turns_about_normal(self) -> bool:
        """Particles turn about their own z axes only: the frame of the references stays."""
        return False

    @abstractmethod
    def seconds(self, work: Work) -> float:
        """Rough CPU seconds that one particle costs in one iteration (docs/benchmarks.md)."""


class ReferenceParameters(SearchParameters):
    """How far particles are searched against references.

    With a start from poses, ``search_range_deg`` and ``search_range_angstrom`` limit the search
    of every iteration to rotations and shifts so far from the particle's pose of the iteration
    before; the range of shifts then goes along with the particle. With ``poses`` fixed nothing is
    searched: particles are sorted into classes in the poses from which the job starts.
    """

    search_range_deg: Annotated[float | None, Field(gt=0.0, le=180.0)] = None
    search_range_angstrom: Annotated[float | None, Field(gt=0.0)] = None
    poses: Literal["searched", "fixed"] = "searched"


class MatchingParameters(ReferenceParameters):
    """How candidate poses are found (docs/method.md#rotational-matching)."""

    candidates: Annotated[int, Field(ge=1, le=1000)] = 50
    generators: Literal["magnitude", "phase", "both"] = "both"
    bandwidth: Annotated[int | None, Field(ge=4, le=64)] = None

    def seconds(self, work: Work) -> float:
        """Those of matching each class, and of refining what was found."""
        matched = 0.0015 + self.candidates * 1e-4 * work.components
        return work.classes * (matched + self._refining(work)) + 0.001 * work.components

    def _refining(self, work: Work) -> float:  # noqa: ARG002
        """CPU seconds of one particle's refinement to one class."""
        return 0.0


class FaParameters(MatchingParameters):
    """Parameters of fast alignment with hard assignment."""


class FamlParameters(MatchingParameters):
    """Parameters of fast alignment with maximum likelihood.

    ``sigma`` fixes the standard deviation of the noise, in those of a particle's background, or
    in the particles' own scale where they bring weights; without it sigma is estimated.

    ``temperature`` divides log-likelihoods: above 1 for noise whose components are not
    independent, which makes poses look surer than they are. Densities of a cell around the
    molecule are such noise.

    ``junk`` is the prior probability that a particle shows none of the structures: it counts only
    as far as a class explains it better than empty space does. With 0 every particle counts.

    With ``regroup`` the smaller of two classes which show the same structure is emptied, and
    begins again as half of a class which may hold two (from random starts only).
    """

    voronoi_points: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    noise: Literal["white", "shells"] | None = None
    sigma: Annotated[float | None, Field(gt=0.0)] = None
    temperature: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    junk: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    regularisation: Annotated[float, Field(ge=0.0)] = 5.0
    regularisation_iterations: Annotated[int, Field(ge=0)] = 5
    regroup: bool = True

    @property
    def assignment(self) -> Assignment:
        """Soft, by likelihood."""
        return Assignment(
            soft=True,
            voronoi_points=self.voronoi_points,
            noise=self.noise,
            sigma=self.sigma,
            fills=True,
            temperature=self.temperature,
            junk=self.junk,
            regularisation=self.regularisation,
            drawn_together=self.regularisation_iterations,
            regroups=self.regroup,
        )


class FrmParameters(MatchingParameters):
    """Parameters of iterated rotational and translational matching (Chen et al. 2013).

    ``peaks`` is the number of poses which are followed, and of rotations looked at for every
    shift.
    """

    refines: ClassVar[bool] = True

    peaks: Annotated[int, Field(ge=1, le=16)] = 4

    def _refining(self, work: Work) -> float:  # noqa: ARG002
        return 0.05


class RefinementParameters(MatchingParameters):
    """How poses are refined, and from where.

    Refinement starts from candidates of rotational matching, or from an even ``grid`` of
    rotations, as many as Euler angles ``grid_deg`` apart make. With ``about_normal`` each particle
    turns only about its own z axis in the frame of the references: about the normal of its
    membrane, where the poses from which the job starts have it there.
    """

    refines: ClassVar[bool] = True

    starts_from: Literal["matching", "grid"] = "matching"
    grid_deg: Annotated[float, Field(ge=15.0, le=90.0)] = 60.0
    about_normal: bool = False

    @property
    def turns_about_normal(self) -> bool:
        """As the job says."""
        return self.about_normal

    def _refining(self, work: Work) -> float:
        return self.candidates * 1e-3 * (0.5 + 0.5 * work.components)


class GradientParameters(RefinementParameters):
    """Parameters of gradient-guided refinement (Xu & Alber 2012).

    ``score`` is their real-space constrained score (rcs) or the one in Fourier space (fcs).
    """

    score: Literal["rcs", "fcs"] = "rcs"


class SagParameters(RefinementParameters):
    """Parameters of refinement by the stochastic average gradient (Lü et al. 2019).

    ``slices`` is the share of a volume's slices which one step looks at; 0 stands for a single
    slice, the basic algorithm.
    """

    slices: Annotated[float, Field(ge=0.0, le=1.0)] = 0.25


class PairwiseParameters(SearchParameters):
    """Parameters of the alignment of all pairs (Xu & Alber 2012).

    Each pair is refined under ``score`` from an even grid of rotations, as many as Euler angles
    ``grid_deg`` apart make. ``linkage`` tells how the distance of two clusters follows from those
    of their members: their mean, their largest, or how much the clusters spread when joined
    (Ward), for which the square root of a dissimilarity is taken as a distance.
    """

    least_batch: ClassVar[int] = 4  # a volume is prepared for a batch, and used by each row
    least_batch_seconds: ClassVar[float] = 0.0

    score: Literal["rcs", "fcs"] = "rcs"
    grid_deg: Annotated[float, Field(ge=15.0, le=90.0)] = 60.0
    linkage: Literal["average", "complete", "ward"] = "ward"

    def seconds(self, work: Work) -> float:
        """Those of half of the pairs that a particle is in."""
        starts = (60.0 / self.grid_deg) ** 3
        return 0.5 * (work.particles - 1) * (0.02 + 0.01 * starts + 0.1 * work.components)
