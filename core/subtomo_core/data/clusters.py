"""Particles clustered by how unlike they are at the best pose of each pair.

Source: Xu & Alber (2012), section *Results* and Figure 6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.flat import Flat
from subtomo_core.data.initial_poses import in_classes
from subtomo_core.data.pairs import Pairs
from subtomo_core.data.poses import Poses

Linkage = Literal["average", "complete", "ward"]


@dataclass(frozen=True, eq=False)
class Clusters(Flat):
    """A dissimilarity matrix, and what hierarchical clustering made of it.

    Attributes
    ----------
    dissimilarity : ndarray of float64, (N, N)
        Symmetric, 0 on the diagonal.
    tree : ndarray of float64, (N - 1, 4)
        What was joined at which distance, as `scipy.cluster.hierarchy` writes it.
    order : ndarray of int64, (N,)
        Particles as the leaves of the dendrogram: clusters stand together.
    members : ndarray of int64, (N,)
        Cluster of each particle, from 0, the largest first.
    medoids : ndarray of int64, (K,)
        Particle of each cluster that is least unlike its others.
    rotations, shifts : ndarray of float64, (N, 3, 3) and (N, 3)
        The medoid of its cluster, rotated and shifted, lies on the particle.
    """

    dissimilarity: NDArray[np.float64]
    tree: NDArray[np.float64]
    order: NDArray[np.int64]
    members: NDArray[np.int64]
    medoids: NDArray[np.int64]
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Pairs, classes: int, linkage: Linkage) -> Clusters:
        """Cluster all particles into so many classes."""
        unlike = pairs.dissimilarity
        tree, order, members = _clustered(unlike, classes, linkage)
        medoids = np.array([_medoid(unlike, members == k) for k in range(classes)])
        particles, own = np.arange(len(unlike)), medoids[members]
        return cls(
            unlike,
            tree,
            order,
            members,
            medoids,
            pairs.rotations[particles, own],
            pairs.shifts[particles, own],
        )

    @property
    def poses(self) -> Poses:
        """The particles' poses as rows of an iteration; scores are correlations with medoids."""
        classes = len(self.medoids)
        rows = in_classes(self.rotations, self.shifts, self.members, classes)
        unlike = self.dissimilarity[np.arange(len(self.members)), self.medoids[self.members]]
        # Of volumes of unit norm the squared difference is 2 - 2 CCC.
        return replace(rows, score=np.repeat(1.0 - 0.5 * unlike[:, None], classes, 1))

    @property
    def within(self) -> float:
        """Mean dissimilarity of two particles of one cluster; not a number where there are none."""
        return self._mean(self.members[:, None] == self.members)

    @property
    def between(self) -> float:
        """The same of two particles of different clusters."""
        return self._mean(self.members[:, None] != self.members)

    @property
    def told(self) -> str:
        """The clusters in a sentence."""
        sizes = ", ".join(str(size) for size in np.bincount(self.members))
        means = (("within", self.within), ("between", self.between))
        known = [f"{value:.3g} {where} them" for where, value in means if np.isfinite(value)]
        mean = f"; mean dissimilarity {' and '.join(known)}" if known else ""
        return f"clusters of {sizes} particles{mean}"

    def _mean(self, chosen: NDArray[np.bool_]) -> float:
        pairs = chosen & ~np.eye(len(chosen), dtype=bool)
        return float(self.dissimilarity[pairs].mean()) if pairs.any() else float("nan")


def _clustered(
    unlike: NDArray[np.float64], classes: int, linkage: Linkage
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Tree, order of its leaves, and clusters by size."""
    from scipy.cluster import hierarchy  # noqa: PLC0415  (half a second, and seldom needed)
    from scipy.spatial.distance import squareform  # noqa: PLC0415

    # Both scores are squared lengths of differences, and Ward's rule takes lengths.
    distances = np.sqrt(np.maximum(unlike, 0.0)) if linkage == "ward" else unlike
    tree = hierarchy.linkage(squareform(distances, checks=False), linkage)
    found = hierarchy.cut_tree(tree, classes)[:, 0]
    by_size = np.argsort(-np.bincount(found), kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(classes)
    return tree, np.asarray(hierarchy.leaves_list(tree), np.int64), rank[found]


def _medoid(unlike: NDArray[np.float64], own: NDArray[np.bool_]) -> int:
    inside = np.flatnonzero(own)
    return int(inside[np.argmin(unlike[np.ix_(inside, inside)].sum(1))])
