"""A resolved specification in the engine's units: voxels, Fourier pixels, shells."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.folds import FOLDS, FOLDS_OF_HALVES, Labels, folds_of
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.masks import soft_sphere
from subtomo_core.fourier.reference_mask import MASK_EDGE, mask_of
from subtomo_core.fourier.shells import on_components, radius_of, soft_edge
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.likelihood.observation import Observer
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.spec.assignment import Assignment
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import shell_of
from subtomo_core.spec.exhaustive_parameters import ExhaustiveParameters
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.missing_region import Weights
from subtomo_core.spec.parameters import MatchingParameters
from subtomo_core.spec.start import ParticleStart, PosesStart

_EDGE = 1.0  # half the width of the references' soft low-pass, shells
_NO_MATCHING: int | None = 2  # bandwidth of a method that has no use for one
_AHEAD = 4.0  # shells beyond those in use for which sums are kept


@dataclass(frozen=True, eq=False)
class Settings:
    """What a method needs to know, once for all iterations.

    Attributes
    ----------
    spec, summary
        As they were given, `spec` resolved.
    start_shell, limit_shell : float
        Resolution in use at first and at last, Fourier pixels.
    shared_shell : float
        With half sets, Fourier radius up to which the halves' references are shared.
    growth : float
        Shells by which the resolution in use grows in an iteration.
    bandwidth : int
        Of the rotational matching: degrees 0 .. L - 1.
    shift_reach : float
        Longest shift searched, voxels: from the box's centre, or from the present shift where
        the search is limited.
    mask : ndarray of float32, (n, n, n)
        Soft mask on the references.
    mask_radius : float
        Of the sphere that holds it, voxels.
    window : ndarray of float32, (n, n, n)
        The mask as it was at first: particles may be searched under it.
    groups : tuple of ndarray, (g, 3, 3)
        Point group of each class.
    observer : Observer
    fold_of : ndarray of int64, (N,)
        Fold of each particle.
    """

    spec: AnySpec
    summary: DatasetSummary
    start_shell: float
    limit_shell: float
    shared_shell: float
    growth: float
    bandwidth: int
    shift_reach: float
    mask: Real
    mask_radius: float
    window: Real
    groups: tuple[NDArray[np.float64], ...]
    observer: Observer
    fold_of: Labels

    @classmethod
    def of(
        cls,
        spec: AnySpec,
        summary: DatasetSummary,
        mask: Real | None = None,
        folds: Labels | None = None,
    ) -> Settings:
        """Translate a resolved specification.

        ``mask`` (n, n, n) is the map that the specification names, where it names one; ``folds``
        (N,) are those of the particles, where some belong together (`data.folds.folds_of`).
        """
        resolution, parameters = spec.resolution, spec.parameters
        reach, bandwidth = parameters.reach_angstrom, _NO_MATCHING
        start_angstrom, limit_angstrom = resolution.start_angstrom, resolution.limit_angstrom
        growth = resolution.growth_shells
        if isinstance(parameters, MatchingParameters):
            bandwidth = parameters.bandwidth
        if not spec.coarse_to_fine:
            start_angstrom, growth = limit_angstrom, 1.0
        shared = resolution.shared_angstrom or start_angstrom
        if not (start_angstrom and limit_angstrom and reach and bandwidth and shared and growth):
            raise ValueError("the specification has open fields: call spec.resolve first")
        voxel = summary.voxel_size_angstrom
        start = shell_of(start_angstrom, summary)
        limit = shell_of(limit_angstrom, summary)
        soft_mask, radius = mask_of(spec.mask, summary, mask)
        return cls(
            spec=spec,
            summary=summary,
            start_shell=start,
            limit_shell=limit,
            shared_shell=shell_of(shared, summary),
            growth=growth,
            bandwidth=2 * ((bandwidth + 1) // 2),
            shift_reach=reach / voxel,
            mask=soft_mask,
            mask_radius=radius,
            window=soft_mask,
            groups=tuple(symmetry_group(name) for name in spec.symmetries),
            observer=Observer.of(summary, radius),
            fold_of=folds_of(spec, summary.particles) if folds is None else folds,
        )

    def knowing(self, model: Model) -> Settings:
        """The same with particles read as a model's noise asks for."""
        window = self.window if model.under_mask else None
        return replace(self, observer=replace(self.observer, law=model.noise_law, window=window))

    def share(self, under_mask: bool) -> float:
        """Part of white noise's power which particles keep as they are searched."""
        return float(np.mean(self.window.astype(np.float64) ** 2)) if under_mask else 1.0

    @property
    def surroundings(self) -> Real:
        """What lies around the mask, (n, n, n): 0 inside of it, 1 beyond its edge."""
        radius = self.mask_radius + MASK_EDGE
        return np.float32(1.0) - soft_sphere(self.box, radius, MASK_EDGE)

    @property
    def box(self) -> int:
        """Side n in voxels."""
        return self.summary.box

    @property
    def folds(self) -> int:
        """Parts of the dataset that are averaged apart, so that none meets its own noise.

        Even and odd ones make the two halves.
        """
        return FOLDS_OF_HALVES if self.half_sets else FOLDS

    @property
    def half_sets(self) -> bool:
        """The halves are kept apart from the start."""
        return self.spec.half_sets

    @property
    def from_particles(self) -> bool:
        """The first references are single particles."""
        return isinstance(self.spec.start, ParticleStart)

    @property
    def matching(self) -> MatchingParameters:
        """Parameters of a method that matches particles to references."""
        parameters = self.spec.parameters
        if not isinstance(parameters, MatchingParameters):
            raise TypeError(f"the algorithm {self.spec.algorithm} matches no references")
        return parameters

    @property
    def exhaustive(self) -> ExhaustiveParameters:
        """Parameters of a method that looks at every pose."""
        parameters = self.spec.parameters
        if not isinstance(parameters, ExhaustiveParameters):
            raise TypeError(f"the algorithm {self.spec.algorithm} does not look at every pose")
        return parameters

    def fills_in(self, model: Model) -> bool:
        """What is missing is filled with a model's averages, which are of these particles."""
        own = model.iteration >= 0 and model.scaled
        return own and self.assignment.fills

    @property
    def holds_out(self) -> bool:
        """Components are held out to judge the averages by: where references find the poses."""
        return self.spec.parameters.holds_out

    @property
    def assignment(self) -> Assignment:
        """How particles are shared out among poses and classes."""
        return self.spec.parameters.assignment

    @property
    def weighted(self) -> bool:
        """Particles come with weights of their own, not with a missing region by formula."""
        return isinstance(self.summary.missing, Weights)

    @property
    def white(self) -> bool:
        """One noise variance for all shells."""
        asked = self.assignment.noise
        return not self.weighted if asked is None else asked == "white"

    def regularisation(self, iteration: int) -> float:
        """Strength theta, over N, which draws classes together (Scheres 2009).

        It falls linearly from ``5 / K^2`` in iteration 1 to 0. Classes that the job was given
        particle by particle need none.
        """
        strength, iterations = self.assignment.regularisation, self.assignment.drawn_together
        given = isinstance(self.spec.start, PosesStart) and not self.spec.deals_classes
        if given or not iterations:
            return 0.0
        left = max(0.0, 1.0 - (iteration - 1) / iterations)
        return strength / self.spec.classes**2 * left

    def balancing(self, model: Model) -> bool:
        """Whether classes compete for equal shares in the next iteration.

        They do for as many iterations as the regularisation lasts.
        """
        return self.regularisation(model.iteration + 1) > 0

    @property
    def group_orders(self) -> NDArray[np.int64]:
        """Elements of each class's point group, (K,)."""
        return np.array([len(group) for group in self.groups])

    @property
    def degrees(self) -> NDArray[np.float64]:
        """Degrees of spherical harmonics that a map under the mask has in each shell.

        At the root mean square radius of a ball: nearer to the origin there are fewer.
        """
        radius = math.sqrt(0.6) * self.mask_radius
        return 2.0 * math.pi / self.box * radius * np.arange(self.shells, dtype=np.float64)

    @property
    def shells(self) -> int:
        """Number of shells, from 0 to Nyquist."""
        return self.box // 2 + 1

    @property
    def first_xi(self) -> float:
        """Spread of the shifts, voxels, before anything is known of them."""
        return self.box / 4.0

    @property
    def extent(self) -> float:
        """Side in ångström: the resolution of shell s is ``extent / s``."""
        return self.box * self.summary.voxel_size_angstrom

    @property
    def accumulation_radius(self) -> float:
        """Fourier radius up to which averages are ever made, whatever the limit of the search."""
        return self.box / 2 - 1.0

    @property
    def whole_radius(self) -> float:
        """Fourier radius of search and sums alike, where one resolution serves all iterations."""
        return min(self.limit_shell, self.accumulation_radius)

    def search_radius(self, shell_in_use: float) -> float:
        """Fourier radius of the search: where the low-passed references end."""
        return min(shell_in_use + _EDGE, self.accumulation_radius)

    def sum_radius(self, shell_in_use: float) -> float:
        """Fourier radius of the sums: what the next iteration's references may need."""
        return min(shell_in_use + _AHEAD + _EDGE, self.accumulation_radius)

    def shape(self, volume: Real, shell: float, gain: Real | None = None) -> Real:
        """Reference from an average: soft low-pass at ``shell``, soft mask.

        ``gain`` (shells,) is a factor for each shell.
        """
        transform = to_fourier(volume) * soft_edge(radius_of(self.box), shell)
        if gain is not None:
            transform *= on_components(gain, self.box)
        transform[0, 0, 0] = 0.0
        return np.ascontiguousarray(to_real(transform) * self.mask)
