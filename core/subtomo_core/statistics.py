"""What flows between the steps: model, statistics that add, poses, metrics.

The statistics of two batches add, in any order; sums are taken in batch order, so that the
result does not depend on who computed what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from subtomo_core.particles import Particles

Arrays = dict[str, NDArray[Any]]


class _Arrays:
    """Round trip of a flat dataclass of arrays and numbers to a mapping of arrays."""

    def to_arrays(self) -> Arrays:
        """All fields as arrays, ready for ``numpy.savez``."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `to_arrays`."""
        names = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        return cls(**{k: v.item() if v.ndim == 0 else v for k, v in arrays.items() if k in names})


@dataclass(frozen=True)
class Metrics:
    """How an iteration went, in numbers a person can follow.

    Attributes
    ----------
    class_shares, class_shares_hard : tuple of float
        Sum of posteriors, and share of particles assigned, for each class.
    resolution_05_angstrom, resolution_0143_angstrom : tuple of float or None
        Where each class's FSC falls below 0.5 and 0.143; None where it never crosses.
    fsc_kind : str
        ``shared reference``: the references of both halves have particles in common, so this
        FSC is not gold standard.
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
    resolution_05_angstrom: tuple[float | None, ...] = ()
    resolution_0143_angstrom: tuple[float | None, ...] = ()
    fsc_kind: str = "shared reference"
    resolution_in_use_angstrom: float = 0.0
    sigma: float = 0.0
    xi_voxels: float = 0.0
    log_likelihood: float = 0.0
    pose_change_deg: float = 0.0
    class_changes: int = 0
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
class Model(_Arrays):
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
        Correlation of the masked half maps in each shell.
    shares : ndarray of float64, (K,)
        Prior of each class.
    noise : ndarray of float64, (n // 2 + 1,)
        Noise variance of a Fourier component in each shell; 0 while unknown.
    reference_noise : ndarray of float32, (K, n // 2 + 1)
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
    """

    iteration: int
    maps: NDArray[np.float32]
    fold_maps: NDArray[np.float32]
    half_maps: NDArray[np.float32]
    fsc: NDArray[np.float32]
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

    def to_arrays(self) -> Arrays:
        """All but the metrics, which are written beside the model."""
        arrays = super().to_arrays()
        del arrays["metrics"]
        return arrays


@dataclass(frozen=True, eq=False)
class Poses(_Arrays):
    """One row a particle: for each class its best pose.

    Attributes
    ----------
    rotations : ndarray of float64, (N, K, 3, 3)
    shifts : ndarray of float64, (N, K, 3)
        Voxels, order x, y, z.
    probability : ndarray of float64, (N, K)
        Posterior of the class; a row sums to 1.
    score : ndarray of float64, (N, K)
        Log-likelihood ratio against empty space of the class's best pose.
    """

    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    probability: NDArray[np.float64]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rotations)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> Poses:
        return Poses(
            self.rotations[rows], self.shifts[rows], self.probability[rows], self.score[rows]
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Poses]) -> Poses:
        """Rows of all parts, in order."""
        return cls(
            np.concatenate([p.rotations for p in parts]),
            np.concatenate([p.shifts for p in parts]),
            np.concatenate([p.probability for p in parts]),
            np.concatenate([p.score for p in parts]),
        )

    def reframed(self, frames: NDArray[np.float64]) -> Poses:
        """The same poses against references which were moved.

        Where the old reference is the new one at the pose (Q, c), a particle at (R, t) of the old
        lies at ``(R Q, t + R c)`` of the new.

        Parameters
        ----------
        frames : ndarray, (K, 3, 4)
            (Q | c) of each class.
        """
        turned = np.einsum("nkij,kjl->nkil", self.rotations, frames)
        return replace(self, rotations=turned[..., :3], shifts=self.shifts + turned[..., 3])

    @property
    def best_class(self) -> NDArray[np.int64]:
        """Most probable class, from 0, (N,)."""
        best: NDArray[np.int64] = np.argmax(self.probability, 1)
        return best

    @property
    def best_rotation(self) -> NDArray[np.float64]:
        """Best rotation within the best class, (N, 3, 3)."""
        return self.rotations[np.arange(len(self)), self.best_class]

    @property
    def best_shift(self) -> NDArray[np.float64]:
        """Best shift within the best class, voxels x, y, z, (N, 3)."""
        return self.shifts[np.arange(len(self)), self.best_class]

    @property
    def best_probability(self) -> NDArray[np.float64]:
        """Posterior of the best class, (N,)."""
        return self.probability[np.arange(len(self)), self.best_class]

    @property
    def best_score(self) -> NDArray[np.float64]:
        """Score of the best pose, (N,)."""
        return self.score[np.arange(len(self)), self.best_class]


@dataclass(frozen=True, eq=False)
class Statistics(_Arrays):
    """Sums over a batch of particles; ``a + b`` is those of both batches.

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


@dataclass(frozen=True, eq=False)
class Batch:
    """Particles to work on, with their rows of the iteration before (None in the survey)."""

    particles: Particles
    indices: NDArray[np.int64]
    poses: Poses | None = None


@dataclass(frozen=True, eq=False)
class Expectation:
    """What *expect* makes of a batch."""

    statistics: Statistics
    poses: Poses
