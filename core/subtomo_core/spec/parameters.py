"""Parameters of each algorithm, as they stand in a specification."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from subtomo_core.spec.strict import Strict


class SearchParameters(Strict):
    """How far any search goes.

    ``shift_range_angstrom`` is the longest shift from a particle's centre; between two particles,
    the longest which brings one onto the other.
    """

    shift_range_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class MatchingParameters(SearchParameters):
    """How candidate poses are found (docs/method.md#rotational-matching).

    With a start from poses, ``search_range_deg`` and ``search_range_angstrom`` limit the search
    of every iteration to rotations and shifts so far from the particle's pose of the iteration
    before; the range of shifts then goes along with the particle.
    """

    candidates: Annotated[int, Field(ge=1, le=1000)] = 50
    generators: Literal["magnitude", "phase", "both"] = "both"
    bandwidth: Annotated[int | None, Field(ge=4, le=64)] = None
    search_range_deg: Annotated[float | None, Field(gt=0.0, le=180.0)] = None
    search_range_angstrom: Annotated[float | None, Field(gt=0.0)] = None


class FaParameters(MatchingParameters):
    """Parameters of fast alignment with hard assignment."""


class FamlParameters(MatchingParameters):
    """Parameters of fast alignment with maximum likelihood.

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
    temperature: Annotated[float, Field(ge=1.0, le=100.0)] = 1.0
    junk: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5
    regularisation: Annotated[float, Field(ge=0.0)] = 5.0
    regularisation_iterations: Annotated[int, Field(ge=0)] = 5
    regroup: bool = True


class FrmParameters(MatchingParameters):
    """Parameters of iterated rotational and translational matching (Chen et al. 2013).

    ``peaks`` is the number of poses which are followed, and of rotations looked at for every
    shift.
    """

    peaks: Annotated[int, Field(ge=1, le=16)] = 4


class RefinementParameters(MatchingParameters):
    """How poses are refined, and from where.

    Refinement starts from candidates of rotational matching, or from an even ``grid`` of
    rotations, as many as Euler angles ``grid_deg`` apart make. With ``about_normal`` each particle
    turns only about its own z axis in the frame of the references: about the normal of its
    membrane, where the poses from which the job starts have it there.
    """

    starts_from: Literal["matching", "grid"] = "matching"
    grid_deg: Annotated[float, Field(ge=15.0, le=90.0)] = 60.0
    about_normal: bool = False


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

    score: Literal["rcs", "fcs"] = "rcs"
    grid_deg: Annotated[float, Field(ge=15.0, le=90.0)] = 60.0
    linkage: Literal["average", "complete", "ward"] = "ward"
