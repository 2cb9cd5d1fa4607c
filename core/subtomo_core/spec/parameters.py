"""Parameters of each algorithm, as they stand in a specification."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from subtomo_core.errors import Problem
from subtomo_core.spec.assignment import Assignment
from subtomo_core.spec.search_parameters import (
    GridDegrees,
    NoiseKind,
    Regularisation,
    RegularisedIterations,
    Score,
    SearchParameters,
    Sigma,
    Work,
)
from subtomo_core.spec.start import PosesStart, Start


class ReferenceParameters(SearchParameters):
    """How far particles are searched against references."""

    holds_out: ClassVar[bool] = True

    search_range_deg: Annotated[
        float | None,
        Field(
            gt=0.0,
            le=180.0,
            title="Search range (°)",
            description="With a start from poses: how far a particle may turn in one iteration. "
            "Everywhere by default.",
        ),
    ] = None
    search_range_angstrom: Annotated[
        float | None,
        Field(
            gt=0.0,
            title="Search range (Å)",
            description="With a start from poses: how far a particle may shift in one iteration; "
            "the range goes along with the particle.",
        ),
    ] = None
    poses: Annotated[
        Literal["searched", "fixed"],
        Field(
            title="Poses",
            description="Fixed, particles are only sorted into classes, in the poses from which "
            "the job starts.",
        ),
    ] = "searched"

    @property
    def reach_angstrom(self) -> float | None:
        """The search range, where the search is limited."""
        return self.search_range_angstrom or self.shift_range_angstrom

    def pose_problems(self, start: Start) -> list[Problem]:
        """Poses fixed or searched near by where none are known, or both at once."""
        ranges = {
            "search_range_deg": self.search_range_deg,
            "search_range_angstrom": self.search_range_angstrom,
        }
        limited, fixed = [f for f, v in ranges.items() if v is not None], self.poses == "fixed"
        if isinstance(start, PosesStart):
            detail = (
                "poses that are fixed are not searched: leave {} out, or set poses to 'searched'"
            )
            wrong = {field: detail.format(field) for field in limited if fixed}
        else:
            detail = (
                "a limited search goes about each particle's present pose, and the start "
                f"'{start.kind}' gives none: start from 'poses', or leave {{}} out"
            )
            unknown = (
                f"poses can be fixed only where they are known, and the start '{start.kind}' "
                "gives none: start from 'poses', or leave poses out"
            )
            wrong = {"poses": unknown} if fixed else {}
            wrong |= {field: detail.format(field) for field in limited}
        return [Problem(told, pointer=f"/parameters/{field}") for field, told in wrong.items()]


class MatchingParameters(ReferenceParameters):
    """How candidate poses are found (docs/method.md#rotational-matching)."""

    candidates: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            title="Candidates",
            description="Poses worth a closer look, of each particle in each class.",
        ),
    ] = 50
    generators: Annotated[
        Literal["magnitude", "phase", "both"],
        Field(
            title="Candidates come from",
            description="Matching of magnitudes, which knows no shift, of phases, or both.",
        ),
    ] = "both"
    bandwidth: Annotated[
        int | None,
        Field(
            ge=4,
            le=64,
            title="Bandwidth",
            description="Of the spherical harmonics of the rotational matching: higher tells finer "
            "angles apart, and takes longer.",
        ),
    ] = None

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
    """Parameters of fast alignment with maximum likelihood."""

    voronoi_points: Annotated[
        int,
        Field(
            ge=100,
            le=1_000_000,
            title="Voronoi points",
            description="Rotations that share out the space of orientations among the candidates.",
        ),
    ] = 10_000
    noise: NoiseKind = None
    sigma: Sigma = None
    temperature: Annotated[
        float,
        Field(
            ge=1.0,
            le=100.0,
            title="Temperature",
            description="Divides log-likelihoods: above 1 for noise whose components are not "
            "independent, which makes poses look surer than they are. Densities of a cell around "
            "the molecule are such noise.",
        ),
    ] = 1.0
    junk: Annotated[
        float,
        Field(
            ge=0.0,
            lt=1.0,
            title="Junk",
            description="Prior probability that a particle shows none of the structures: it counts "
            "only as far as a class explains it better than empty space does. With 0 every "
            "particle counts.",
        ),
    ] = 0.5
    regularisation: Regularisation = 5.0
    regularisation_iterations: RegularisedIterations = 5
    regroup: Annotated[
        bool,
        Field(
            title="Regroup classes",
            description="The smaller of two classes which show the same structure is emptied, and "
            "begins again as half of a class which may hold two (from random starts only).",
        ),
    ] = True

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
    """Parameters of iterated rotational and translational matching (Chen et al. 2013)."""

    refines: ClassVar[bool] = True

    peaks: Annotated[
        int,
        Field(
            ge=1,
            le=16,
            title="Peaks",
            description="Poses which are followed, and rotations looked at for every shift.",
        ),
    ] = 4

    def _refining(self, work: Work) -> float:  # noqa: ARG002
        return 0.05


class RefinementParameters(MatchingParameters):
    """How poses are refined, and from where."""

    refines: ClassVar[bool] = True

    starts_from: Annotated[
        Literal["matching", "grid"],
        Field(
            title="Refinement starts from",
            description="Candidates of rotational matching, or an even grid of rotations.",
        ),
    ] = "matching"
    grid_deg: GridDegrees = 60.0
    about_normal: Annotated[
        bool,
        Field(
            title="Turn about the normal only",
            description="Each particle turns only about its own z axis in the frame of the "
            "references: about the normal of its membrane, where the poses from which the job "
            "starts have it there.",
        ),
    ] = False

    @property
    def turns_about_normal(self) -> bool:
        """As the job says."""
        return self.about_normal

    def _refining(self, work: Work) -> float:
        return self.candidates * 1e-3 * (0.5 + 0.5 * work.components)


class GradientParameters(RefinementParameters):
    """Parameters of gradient-guided refinement (Xu & Alber 2012)."""

    score: Score = "rcs"


class SagParameters(RefinementParameters):
    """Parameters of refinement by the stochastic average gradient (Lü et al. 2019)."""

    slices: Annotated[
        float,
        Field(
            ge=0.0,
            le=1.0,
            title="Slices in a step",
            description="Share of a volume's slices which one step looks at; 0 stands for a single "
            "slice, the basic algorithm.",
        ),
    ] = 0.25


class PairwiseParameters(SearchParameters):
    """Parameters of the alignment of all pairs (Xu & Alber 2012).

    Each pair is refined under ``score`` from an even grid of rotations. Ward's ``linkage`` takes
    the square root of a dissimilarity as a distance.
    """

    least_batch: ClassVar[int] = 4  # a volume is prepared for a batch, and used by each row
    least_batch_seconds: ClassVar[float] = 0.0

    score: Score = "rcs"
    grid_deg: GridDegrees = 60.0
    linkage: Annotated[
        Literal["average", "complete", "ward"],
        Field(
            title="Linkage",
            description="How the distance of two clusters follows from those of their members: "
            "their mean, their largest, or how much the clusters spread when joined (Ward).",
        ),
    ] = "ward"

    def seconds(self, work: Work) -> float:
        """Those of half of the pairs that a particle is in."""
        starts = (60.0 / self.grid_deg) ** 3
        return 0.5 * (work.particles - 1) * (0.02 + 0.01 * starts + 0.1 * work.components)
