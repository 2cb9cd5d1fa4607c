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

from subtomo_core.data.clusters import Clusters
from subtomo_core.data.confirmation import no_confirmation
from subtomo_core.data.flat import Arrays, Flat
from subtomo_core.data.metrics import Metrics
from subtomo_core.data.noise_law import NoiseLaw, no_power
from subtomo_core.data.pairs import no_pairs
from subtomo_core.data.particles import Particles
from subtomo_core.data.poses import Poses

__all__ = ["Batch", "Expectation", "Metrics", "Model", "Poses", "Statistics"]


def _none() -> NDArray[np.int64]:
    """Of models which were stored before there was such a field."""
    return np.zeros(0, np.int64)


_APART = frozenset({"metrics", "rivals", "clusters"})  # fields of a model which are no arrays


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
    structural_noise : float
    noise_floor : ndarray of float64, (shells,)
        How the noise of particles with weights goes with these (`data.noise_law.NoiseLaw`); empty
        where there is no such law.
    under_mask : bool
        Particles are searched under the mask.
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
        The other starts, while several are compared (`methods.restarts`). They share noise, xi and
        resolution in use with this one, the likeliest.
    quiet : int
        Iterations without a change worth another one, up to this one; where nothing at all was
        seen to move they count more than once (`maximise.convergence`).
    seeded : int
        Iteration in which classes got their first references, the last time
        (`maximise.class_seeding`).
    vain : ndarray of int64, (K,)
        How often a class was divided for nothing; `maximise.class_seeding.WHOLE` where it shows
        one structure.
    divided_from : ndarray of int64, (K,)
        Of which class a class was last made the half; -1 for none.
    adopting : int
        Class which gets the particles that show nothing in the next iteration; -1 for none.
    adopted : ndarray of int64, (K,)
        Iteration in which a class got them; -1 for one which did not.
    adoptions : int
        How often a class got them.
    emptied : ndarray of bool, (K,)
        The class stands empty for good: an alarm says so until it has particles again.
    log_likelihood : float
        That of the statistics this model was made of.
    confirmation : ndarray of float64, (K, 5)
        The same: how far held-out components bore out the references of the iteration.
    columns : ndarray of int64, (K,)
        Where its classes stand in the poses of these, if they come from several starts
        (`data.class_sources`); else empty.
    clusters : Clusters or None
        Where all pairs were compared: what came of it, the particles' poses with it.
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
    vain: NDArray[np.int64] = field(default_factory=_none)
    divided_from: NDArray[np.int64] = field(default_factory=_none)
    adopting: int = -1
    adopted: NDArray[np.int64] = field(default_factory=_none)
    adoptions: int = 0
    emptied: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    log_likelihood: float = 0.0
    clusters: Clusters | None = None
    structural_noise: float = 0.0
    noise_floor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    under_mask: bool = False
    confirmation: NDArray[np.float64] = field(default_factory=no_confirmation)
    columns: NDArray[np.int64] = field(default_factory=_none)

    @property
    def noise_law(self) -> NoiseLaw | None:
        """How noise goes with weight; None where no particle has weights or none were seen yet."""
        known = len(self.noise_floor) > 0
        return NoiseLaw(self.noise_floor, self.structural_noise) if known else None

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
        if self.clusters is not None:
            arrays |= {f"clusters_{name}": a for name, a in self.clusters.to_arrays().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Model:
        """Inverse of `to_arrays`."""
        rivals: list[Model] = []
        while own := _under(f"rival{len(rivals)}_", arrays):
            rivals.append(cls.from_arrays(own))
        compared = _under("clusters_", arrays)
        clusters = Clusters.from_arrays(compared) if compared else None
        return replace(super().from_arrays(arrays), rivals=tuple(rivals), clusters=clusters)


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays whose names have a prefix, without it."""
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


@dataclass(frozen=True, eq=False)
class Statistics(Flat):
    """Sums over a batch of particles; ``a + b`` is those of both batches.

    While several starts are compared every field has a leading axis, one entry a start
    (`stacked`, `apart`).

    Attributes
    ----------
    numerator : ndarray of complex64, (F, K, n, n, n // 2 + 1)
        ``sum p R^-1(S)``, for each fold and class.
    denominator : ndarray of float32, same shape
        ``sum p R^-1(W)``.
    mass : ndarray of float64, (F, K)
        Sum of posteriors.
    hard : ndarray of float64, (K,)
        Particles whose best class this is.
    shift_square : float
        ``sum p |t|^2``.
    noise_sum, noise_count : ndarray of float64, (n // 2 + 1,)
        Squared distance to the references (in the survey: to nothing), divided by W, and
        number of components, in each shell of the whole transform.
    power_by_weight : ndarray of float64, (3, 3, bins, n // 2 + 1)
        In the survey of particles with weights: how their power goes with these
        (`data.noise_law.PowerByWeight`), whole, under the mask and around it. Empty elsewhere.
    confirmation : ndarray of float64, (K, 5)
        What held-out components say for each class (`confirmation`). Empty in the survey.
    in_common : ndarray of float64, (2, K, S K)
        While S starts of several classes are compared: what a start's classes share with those
        of all (`data.class_sources.in_common`). Empty elsewhere.
    log_likelihood : float
    misfit : ndarray of float64, (K,)
        What particles depart from the references beyond noise, in log-likelihood (`Row.misfit`).
    turned_deg, particles, class_changes : float
        Sum of changes of the best rotation; counts.
    pairs : ndarray of float32, (N, N // 2, 7)
        Where pairs are compared: the batch's own rows (`data.pairs`), 0 in all others. Empty
        elsewhere.
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
    misfit: NDArray[np.float64]
    pairs: NDArray[np.float32] = field(default_factory=no_pairs)
    power_by_weight: NDArray[np.float64] = field(default_factory=no_power)
    confirmation: NDArray[np.float64] = field(default_factory=no_confirmation)
    in_common: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 0, 0)))

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
