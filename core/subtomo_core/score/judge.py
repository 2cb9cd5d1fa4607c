"""Judge a result against the truth, beside what the true poses would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.particles import Particles
from subtomo_core.data.truth import Truth
from subtomo_core.fourier.gridding import resolution_angstrom
from subtomo_core.fourier.shells import low_pass
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.orientation.symmetry_average import symmetrised_map
from subtomo_core.score.classes import ClassAgreement
from subtomo_core.score.compare import ParticlePoses, compare_poses, mask_about
from subtomo_core.score.curves import band_of, correlation, fsc, r_in_band
from subtomo_core.score.fit import Fit, fit
from subtomo_core.score.oracle import oracle_average
from subtomo_core.score.poses import PoseErrors

Real = NDArray[np.float32]


class BestPoses(Protocol):
    """Best class and pose of each particle."""

    @property
    def best_class(self) -> NDArray[np.int64]:
        """Class, from 0, shape (N,)."""

    @property
    def best_rotation(self) -> NDArray[np.float64]:
        """Rotation, shape (N, 3, 3)."""

    @property
    def best_shift(self) -> NDArray[np.float64]:
        """Shift in voxels, order x, y, z, shape (N, 3)."""


@dataclass(frozen=True, eq=False)
class MapQuality:
    """A map beside the truth, all under one soft mask.

    Attributes
    ----------
    r : float
        Correlation coefficient.
    r_in_band : float
        The same over the shells in which the oracle's FSC with the truth is at least 0.5.
    resolution_angstrom : float
        Where the FSC with the truth falls below 0.5.
    fsc : ndarray
        That curve, shells 0 .. n/2.
    """

    r: float
    r_in_band: float
    resolution_angstrom: float
    fsc: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassJudgement:
    """One structure: its average, its oracle, its poses.

    Attributes
    ----------
    structure, partner : int
        The true class and the estimated class that stands for it (-1: none).
    f1 : float
        F1 of the classification.
    average : MapQuality or None
        None where no class stands for the structure.
    oracle : MapQuality
        The average with true classes and poses.
    symmetric_oracle : MapQuality or None
        The oracle averaged over the structure's point group, in the plain oracle's band; None
        in C1. Nothing in a job that imposes the symmetry can beat it.
    poses : PoseErrors
        Of the structure's particles that were assigned to the partner.
    fit : Fit or None
        How the average lies on the truth.
    oracle_map : ndarray
        Shape (n, n, n).
    """

    structure: int
    partner: int
    f1: float
    average: MapQuality | None
    oracle: MapQuality
    symmetric_oracle: MapQuality | None
    poses: PoseErrors
    fit: Fit | None
    oracle_map: Real

    @property
    def share_of_oracle(self) -> float:
        """In-band r over the oracle's in-band r; 0 where no class stands for the structure."""
        return self.average.r_in_band / self.oracle.r_in_band if self.average else 0.0

    def __str__(self) -> str:
        if self.average is None:
            return f"structure {self.structure}: no class stands for it"
        a, o, e = self.average, self.oracle, self.poses
        s = self.symmetric_oracle
        symmetric = f", symmetrised {s.r_in_band:.3f}" if s else ""
        finer = f", symmetrised {s.resolution_angstrom:.1f} Å" if s else ""
        return (
            f"structure {self.structure} (class {self.partner}): r {a.r:.3f} (oracle {o.r:.3f}), "
            f"in the oracle's band {a.r_in_band:.3f} (oracle {o.r_in_band:.3f}{symmetric}, "
            f"share {self.share_of_oracle:.3f}); FSC-0.5 {a.resolution_angstrom:.1f} Å "
            f"(oracle {o.resolution_angstrom:.1f} Å{finer}); poses within 10/15/20 degrees "
            f"{e.consensus(10):.2f}/{e.consensus(15):.2f}/{e.consensus(20):.2f}, "
            f"median {e.median_deg:.1f} degrees and "
            f"{e.median_shift:.2f} voxels; F1 {self.f1:.3f}"
        )


@dataclass(frozen=True, eq=False)
class Judgement:
    """A whole result against the truth.

    Attributes
    ----------
    classes : tuple of ClassJudgement
        One for each true structure.
    agreement : ClassAgreement
        How the classifications agree.
    """

    classes: tuple[ClassJudgement, ...]
    agreement: ClassAgreement

    def __str__(self) -> str:
        lines = [str(c) for c in self.classes]
        if len(lines) > 1:
            a = self.agreement
            lines.append(f"classes: mean F1 {a.mean_f1:.3f}, purity {a.purity:.3f}")
        return "\n".join(lines)


def judge(
    maps: Real,
    poses: BestPoses,
    particles: Particles,
    truth: Truth,
    *,
    symmetries: Sequence[str] | None = None,
    limit_angstrom: float | None = None,
    try_mirror: bool = False,
    threads: int = 1,
) -> Judgement:
    """Compare averages, poses and classes with the truth and with the oracle.

    Particles that are junk in truth count in the averages alone, where they are.

    Parameters
    ----------
    maps : ndarray
        The K averages, shape (K, n, n, n).
    poses : BestPoses
        Best class and pose of each particle.
    particles : Particles
        The dataset, from which the oracle is averaged.
    truth : Truth
        What is known of it.
    symmetries : sequence of str, optional
        Point group of each structure. Default: C1.
    limit_angstrom : float, optional
        Low-pass of averages and oracles before r is taken: without it an oracle that was
        not filtered falls behind an average that was.
    try_mirror : bool
        Also fit the averages' mirror images.
    threads : int
        Threads of the oracle's transforms.
    """
    shown = truth.classes >= 0
    groups = symmetries or ["C1"] * len(truth.maps)
    compared = compare_poses(
        ParticlePoses(poses.best_class[shown], poses.best_rotation[shown], poses.best_shift[shown]),
        ParticlePoses(truth.classes[shown], truth.rotations[shown], truth.shifts[shown]),
        groups,
        len(maps),
    )
    agreement = compared.agreement
    voxel = particles.summary.voxel_size_angstrom
    judged = []
    for k, group in enumerate(groups):
        partner = int(agreement.partner[k])
        own = np.nonzero(truth.classes == k)[0]
        R, t = truth.rotations[own], truth.shifts[own]
        oracle = oracle_average(particles, own, R, t, threads=threads)
        ruler = _Ruler(truth.maps[k], oracle, voxel, limit_angstrom)
        lies = None if partner < 0 else fit(maps[partner], truth.maps[k], try_mirror=try_mirror)
        judged.append(
            ClassJudgement(
                structure=k,
                partner=partner,
                f1=float(agreement.f1[k]),
                average=None if lies is None else ruler.measure(lies.map),
                oracle=ruler.measure(oracle),
                symmetric_oracle=ruler.measure_symmetric(oracle, group),
                poses=compared.errors[k],
                fit=lies,
                oracle_map=oracle,
            )
        )
    return Judgement(tuple(judged), agreement)


class _Ruler:
    """Measures maps against one truth, under one mask and in one band."""

    def __init__(self, truth: Real, oracle: Real, voxel: float, limit: float | None):
        self.mask = mask_about(truth)
        self.truth, self.voxel, self.limit = truth, voxel, limit
        self.band = band_of(fsc(oracle * self.mask, truth * self.mask))

    def measure_symmetric(self, oracle: Real, symmetry: str) -> MapQuality | None:
        """The oracle averaged over a point group about the truth's axes; None in C1."""
        group = symmetry_group(symmetry)
        return self.measure(symmetrised_map(oracle, group)) if len(group) > 1 else None

    def measure(self, volume: Real) -> MapQuality:
        masked, true = volume * self.mask, self.truth * self.mask
        curve = fsc(masked, true)
        passed = volume if self.limit is None else low_pass(volume, self.voxel, self.limit)
        extent = len(volume) * self.voxel
        return MapQuality(
            r=correlation(passed, self.truth, self.mask),
            r_in_band=r_in_band(masked, true, self.band),
            resolution_angstrom=resolution_angstrom(curve, 0.5, extent),
            fsc=curve,
        )
