"""What flows between the steps: model, statistics that add, poses, metrics.

The statistics of two batches add, in any order; sums are taken in batch order, so that the
result does not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from subtomo_core.flat import Arrays, Flat
from subtomo_core.particles import Particles
from subtomo_core.poses import Poses

__all__ = ["Batch", "Expectation", "Metrics", "Model", "Poses", "Statistics"]

_APART = frozenset({"metrics", "rivals"})  # fields of a model which are no arrays


@dataclass(frozen=True)
class Metrics:
    """How an iteration went, in numbers a person can follow.

    Attributes
    ----------
    class_shares, class_shares_hard : tuple of float
        Sum of posteriors, and share of particles assigned, for each class.
    resolution_05_angstrom, resolution_0143_angstrom : tuple of float
        Where each class's FSC falls below 0.5 and 0.143.
    fsc_kind : str
        ``shared reference``: the references of both halves have particles in common, so this
        FSC is not gold standard. ``gold standard``: they share nothing beyond `shared_angstrom`.
    shared_angstrom : float or None
        Resolution down to which the halves' references are the same; None if throughout.
    resolution_in_use_angstrom : float
        Low-pass of the references for the next iteration.
    sigma : float
        Noise standard deviation of a Fourier component, root mean square over shells.
    xi_voxels : float
        Standard deviation of the shifts' prior.
    log_likelihood : float
        Sum over particles, up to a constant of the data; comparable at one resolution in use.
    pose_change_deg : float
        Mean change of the best rotation since the iteration before.
    class_changes : int
        Particles which changed their best class.
    start : int or None
        Random start these numbers belong to, from 1; None where there was but one.
    start_log_likelihoods : tuple of float
        Of each start, while several are compared; the best one's averages and poses are shown.
    map_change : float or None
        Change of the averages since the iteration before, over their size, up to the resolution
        in use; of the class which changed most.
    converged : bool
        Nothing changes any more: no further iteration is needed.
    notes : tuple of str
        What else happened, a sentence each.
    symmetry_correlation : tuple of float or None
        How each class's average correlates with its average over the group which was asked for,
        without noise: that of the references which were given, or of the last average which was
        made without the symmetry. None in C1, and before there was one.
    symmetrised : tuple of bool
        Whether the class stands on its group's axes and is averaged over the group.
    alarms : tuple of str
        What went wrong without stopping the job, a sentence each.
    """

    class_shares: tuple[float, ...] = ()
    class_shares_hard: tuple[float, ...] = ()
    resolution_05_angstrom: tuple[float, ...] = ()
    resolution_0143_angstrom: tuple[float, ...] = ()
    fsc_kind: str = "shared reference"
    shared_angstrom: float | None = None
    resolution_in_use_angstrom: float = 0.0
    sigma: float = 0.0
    xi_voxels: float = 0.0
    log_likelihood: float = 0.0
    pose_change_deg: float = 0.0
    class_changes: int = 0
    start: int | None = None
    start_log_likelihoods: tuple[float, ...] = ()
    map_change: float | None = None
    converged: bool = False
    notes: tuple[str, ...] = ()
    symmetry_correlation: tuple[float | None, ...] = ()
    symmetrised: tuple[bool, ...] = ()
    alarms: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v
            for f in fields(self)
        }


@dataclass(frozen=True, eq=False)
class Model(Flat):
    """Everything one iteration hands to the next.

    Attributes
    ----------
    iteration : int
        -1 before anything was averaged; 0 after the survey.
    maps : ndarray of float32, (K, n, n, n)
        Averages of all particles, masked, each shell weighted by how far the halves agree.
        Without a start of one's own they are zero until the survey made them.
    fold_maps : ndarray of float32, (F, K, n, n, n)
        References of the next search, low-passed at the resolution in use: those of fold f are
        averages of all particles but the fold's own, so that no particle meets its own noise.
    half_maps : ndarray of float32, (2, K, n, n, n)
        Averages of the even and the odd folds, neither masked nor low-passed.
    fsc : ndarray of float32, (K, n // 2 + 1)
        Correlation of the half maps in each shell, masked, corrected for the mask.
    fsc_parts : ndarray of float32, (3, K, n // 2 + 1)
        What it is made of: unmasked, masked, masked with random phases.
    half_order : ndarray of int64, (K,)
    half_motions : ndarray of float64, (K, 3, 4)
        How the second half was moved onto the first when this model was made: which of its
        classes stands for each of the first half's, and its rotation and shift side by side.
    shares : ndarray of float64, (K,)
        Prior of each class.
    noise : ndarray of float64, (n // 2 + 1,)
        Noise variance of a Fourier component in each shell; 0 while unknown.
    reference_noise : ndarray of float32, (F, K, n // 2 + 1)
        Noise power of a component of the fold references.
    xi : float
        Standard deviation of shifts, voxels.
    scaled : bool
        The references have the particles' own scale. Maps from elsewhere have not, until
        particles were averaged: they are matched by correlation first.
    shell_in_use : float
        Fourier radius in pixels up to which the references reach.
    on_axes : ndarray of bool, (K,)
        The class stands on the standard axes of its symmetry, and is averaged over it.
    frames : ndarray of float64, (K, 3, 4)
        (Q | c): the pose, in the frame of the search which came before, of what is now the
        reference's frame (`Poses.reframed`). The identity but when a class was turned to its axes.
    symmetry_correlation : ndarray of float64, (K,)
        See `Metrics`; not a number where there is none.
    metrics : Metrics
    start : int
        Which random start this is, from 0.
    rivals : tuple of Model
        The other starts, while several are compared (`methods.starts`). They share noise, xi and
        resolution in use with this one, the likeliest.
    quiet : int
        Iterations without a change worth another one, up to this one; where nothing at all was
        seen to move they count more than once (`methods.convergence`).
    seeded : int
        Iteration in which classes got their first references, the last time (`methods.seeding`).
    log_likelihood : float
        That of the statistics this model was made of.
    """

    iteration: int
    maps: NDArray[np.float32]
    fold_maps: NDArray[np.float32]
    half_maps: NDArray[np.float32]
    fsc: NDArray[np.float32]
    fsc_parts: NDArray[np.float32]
    half_order: NDArray[np.int64]
    half_motions: NDArray[np.float64]
    shares: NDArray[np.float64]
    noise: NDArray[np.float64]
    reference_noise: NDArray[np.float32]
    xi: float
    scaled: bool
    shell_in_use: float
    on_axes: NDArray[np.bool_]
    frames: NDArray[np.float64]
    symmetry_correlation: NDArray[np.float64]
    metrics: Metrics = field(default_factory=Metrics)
    start: int = 0
    rivals: tuple[Model, ...] = ()
    quiet: int = 0
    seeded: int = 0
    log_likelihood: float = 0.0

    @property
    def contenders(self) -> tuple[Model, ...]:
        """All starts which are compared, this one and its rivals, by their numbers."""
        return tuple(sorted((self, *self.rivals), key=lambda model: model.start))

    def own(self, poses: Poses) -> Poses:
        """Columns of this start in the poses of an iteration."""
        return poses.of_start(self.start, len(self.shares))

    def to_arrays(self) -> Arrays:
        """All but the metrics, which are written beside the model."""
        flat = [f.name for f in fields(self) if f.name not in _APART]
        arrays = {name: np.asarray(getattr(self, name)) for name in flat}
        for number, rival in enumerate(self.rivals):
            arrays |= {f"rival{number}_{name}": a for name, a in rival.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Model:
        """Inverse of `to_arrays`."""
        rivals: list[Model] = []
        while own := {
            name.removeprefix(prefix): a
            for prefix in [f"rival{len(rivals)}_"]
            for name, a in arrays.items()
            if name.startswith(prefix)
        }:
            rivals.append(cls.from_arrays(own))
        return replace(super().from_arrays(arrays), rivals=tuple(rivals))


@dataclass(frozen=True, eq=False)
class Statistics(Flat):
    """Sums over a batch of particles; ``a + b`` is those of both batches.

    While several starts are compared every field has a leading axis, one entry a start
    (`stacked`, `apart`).

    Attributes
    ----------
    numerator : ndarray of complex64, (F, K, n, n, n // 2 + 1)
        ``sum p R^-1(S / sigma^2)``, for each fold and class.
    denominator : ndarray of float32, same shape
        ``sum p R^-1(W / sigma^2)``.
    mass : ndarray of float64, (F, K)
        Sum of posteriors.
    hard : ndarray of float64, (K,)
        Particles whose best class this is.
    shift_square : float
        ``sum p |t|^2``.
    noise_sum, noise_count : ndarray of float64, (n // 2 + 1,)
        Squared distance to the references (in the survey: to nothing), divided by W, and
        number of components, in each shell of the whole transform.
    log_likelihood : float
    turned_deg, particles, class_changes : float
        Sum of changes of the best rotation; counts.
    """

    numerator: NDArray[np.complex64]
    denominator: NDArray[np.float32]
    mass: NDArray[np.float64]
    hard: NDArray[np.float64]
    shift_square: float
    noise_sum: NDArray[np.float64]
    noise_count: NDArray[np.float64]
    log_likelihood: float
    turned_deg: float
    particles: float
    class_changes: float

    def __add__(self, other: Statistics) -> Statistics:
        return replace(
            self,
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)},
        )

    @classmethod
    def stacked(cls, parts: Sequence[Statistics]) -> Statistics:
        """Those of several starts in one; the one part itself if there is but one."""
        if len(parts) == 1:
            return parts[0]
        arrays = [part.to_arrays() for part in parts]
        return cls.from_arrays({name: np.stack([a[name] for a in arrays]) for name in arrays[0]})

    def apart(self, starts: int) -> list[Statistics]:
        """Inverse of `stacked`."""
        if starts == 1:
            return [self]
        arrays = self.to_arrays()
        return [
            self.from_arrays({name: np.asarray(a[s]) for name, a in arrays.items()})
            for s in range(starts)
        ]


@dataclass(frozen=True, eq=False)
class Batch:
    """Particles to work on, with their rows of the iteration before.

    In the survey these are the poses which the job starts from, or None for random ones.
    """

    particles: Particles
    indices: NDArray[np.int64]
    poses: Poses | None = None


@dataclass(frozen=True, eq=False)
class Expectation:
    """What *expect* makes of a batch."""

    statistics: Statistics
    poses: Poses
