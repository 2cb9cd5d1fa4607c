"""Directional Fourier shell correlation: whether a map is as good along all directions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier import gridding
from subtomo_core.fourier.shells import multiplicity, shell_of_components
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.half_map_fsc import (
    corrected_for_mask,
    phases_randomised,
    reliable_shell,
)
from subtomo_core.orientation.hemisphere import axis_words, hemisphere, sphericity

LARGEST_BOX = 256  # takes half a minute and 2 GiB
HALF_ANGLE_DEG = 20.0
CUTOFF = 0.143
STRONG = 0.5  # area ratio below which a map is strongly anisotropic
_BEYOND_CHANCE = 8.5  # deviations between the areas; where all are alike they are 3 to 8 apart
_NARROW = math.cos(math.radians(HALF_ANGLE_DEG))
_LEAST_COMPONENTS = 16  # independent ones in each shell of a cone; fewer agree by chance, or do not
_WIDEST_DEG = 60.0  # of cones that still tell directions apart
_SPHERICITY_CUTOFF = 0.5

Curves = NDArray[np.float64]


class DirectionalFsc(NamedTuple):
    """Fourier shell correlations within cones.

    Attributes
    ----------
    directions : ndarray, (D, 3)
        Unit vectors x, y, z of the cones' axes, evenly over the hemisphere z >= 0.
    curves : ndarray, (D, n / 2 + 1)
        Of each cone, corrected for the mask.
    whole : ndarray, (n / 2 + 1,)
        Of all components.
    resolution_angstrom : ndarray, (D,)
        Where each curve falls below 0.143.
    areas : ndarray, (D,)
        Under each curve, in shells: from the first shell with cones below 60 degrees, since wider
        ones have most in common, to the median of the resolutions.
    cosines : ndarray, (n / 2 + 1,)
        Of the cones' half angle in each shell.
    chance : float
        Standard deviation of an area if all directions are alike: a cone's shell holds but few
        components, and the mask makes neighbours alike.
    sphericity : float
        Of the surface on which the curves are 0.5 (Tan et al. 2017): 1 is a sphere.
    """

    directions: Curves
    curves: Curves
    whole: Curves
    resolution_angstrom: Curves
    areas: Curves
    cosines: Real
    chance: float
    sphericity: float

    @property
    def area_ratio(self) -> float:
        """Least area over the greatest: 1 where all directions are alike; cryoSPARC's cFAR."""
        least, greatest = float(self.areas.min()), float(self.areas.max())
        return max(0.0, least / greatest) if greatest > 0 else 1.0

    @property
    def strong(self) -> bool:
        """Whether the map is strongly anisotropic, and not by chance."""
        apart = float(self.areas.max() - self.areas.min())
        return self.area_ratio < STRONG and apart > _BEYOND_CHANCE * self.chance

    @property
    def coarsest(self) -> int:
        """Number of the direction about which resolutions are coarsest."""
        return int(self._about_each().argmax())

    @property
    def finest(self) -> int:
        """Number of the direction about which resolutions are finest."""
        return int(self._about_each().argmin())

    def _about_each(self) -> Curves:
        """Mean resolution of the directions within 20 degrees: one cone may stand out by chance."""
        near = np.abs(self.directions @ self.directions.T) >= _NARROW
        means: Curves = near @ self.resolution_angstrom / near.sum(axis=1)
        return means


def directional_fsc(
    first: Real, second: Real, mask: Real, voxel_size: float, directions: Curves | None = None
) -> DirectionalFsc:
    """FSC of two masked halves within cones of 20 degrees about directions, and what it tells.

    In a cone about d the sums of the FSC run over components k with ``|k . d| >= |k| cos 20``.
    In coarse shells cones are wider, so that each holds about 16 components that are independent
    under the mask.
    Each curve is corrected for the mask as the whole one is (see `half_curves`), by halves whose
    phases are random from the shell where the unmasked whole curve falls below 0.8.

    Parameters
    ----------
    first, second : ndarray, (n, n, n)
        Half maps; n up to `LARGEST_BOX`.
    mask : ndarray, (n, n, n)
        Soft mask, 0 to 1; one that is longer in some directions makes neighbouring components
        agree less in these.
    voxel_size : float
        In ångström.
    directions : ndarray, (D, 3), optional
        Unit vectors x, y, z; `hemisphere` by default.

    Raises
    ------
    InputError
        If the box is too large.

    References
    ----------
    Tan et al. (2017), Addressing preferred specimen orientation in single-particle cryo-EM
    through tilting. Nat. Methods 14, 793-796 (cones, sphericity); the guide of cryoSPARC,
    Orientation Diagnostics (area ratio, cFAR, and its threshold of 0.5).
    """
    box = len(first)
    if box > LARGEST_BOX:
        detail = (
            f"the box has {box} voxels: directional FSC is made for up to {LARGEST_BOX}; download "
            "the half maps and use a program of your own computer, such as 3DFSC"
        )
        raise InputError(Problem(detail))
    axes = hemisphere() if directions is None else directions
    transforms = [to_fourier(first), to_fourier(second)]
    shell = reliable_shell(gridding.fsc(*transforms))
    noised = [to_real(phases_randomised(t, shell, half)) for half, t in enumerate(transforms)]
    independent = _independent(mask)
    cosines = _cosines(box // 2 + 1, independent)
    whole, curves = _within_cones(first * mask, second * mask, axes, cosines)
    spoiled_whole, spoiled = _within_cones(noised[0] * mask, noised[1] * mask, axes, cosines)
    whole = corrected_for_mask(whole, spoiled_whole, shell)
    curves = np.stack(
        [corrected_for_mask(c, s, shell) for c, s in zip(curves, spoiled, strict=True)]
    )
    return _told(axes, curves, whole, cosines, (box * voxel_size, independent))


def _independent(mask: Real) -> float:
    """Share of components that are independent under a mask: that of the box that it fills."""
    square = np.asarray(mask, np.float64) ** 2
    return float(square.sum() ** 2 / np.sum(square**2) / mask.size)


def _told(
    axes: Curves, curves: Curves, whole: Curves, cosines: Real, scale: tuple[float, float]
) -> DirectionalFsc:
    """What curves tell; ``scale`` is the box in ångström, and the share of `_independent`."""
    extent, independent = scale
    fallen = np.array([gridding.resolution_angstrom(c, CUTOFF, extent) for c in curves])
    half = np.array([gridding.resolution_angstrom(c, _SPHERICITY_CUTOFF, extent) for c in curves])
    narrow = np.arange(_wide(cosines) + 1, round(extent / float(np.median(fallen))) + 1)
    # Of n independent pairs of components a correlation F varies by (1 - F^2)^2 / 2 n; that which
    # cones have in common is left out.
    share = 1.0 - cosines[narrow]
    counts = independent * 2 * np.pi * narrow**2 * share
    spread = 1.0 - np.clip(whole[narrow], 0.0, 1.0) ** 2
    return DirectionalFsc(
        directions=axes,
        curves=curves,
        whole=whole,
        resolution_angstrom=fallen,
        areas=curves[:, narrow].sum(axis=1),
        cosines=cosines,
        chance=float(np.sqrt(np.sum((1.0 - share) * spread**2 / (2.0 * counts)))),
        sphericity=sphericity(axes, extent / half),
    )


def _wide(cosines: Real) -> int:
    """Number of shells from 1 on whose cones are too wide to tell directions apart."""
    return int(np.sum(cosines[1:] < math.cos(math.radians(_WIDEST_DEG))))


def _cosines(shells: int, independent: float) -> Real:
    """Cosine of the cones' half angle in each shell, (shells,): of 20 degrees, or wider."""
    # A cap takes 1 - cos of the half's 2 pi s^2 components.
    among = independent * 2.0 * np.pi * np.maximum(np.arange(shells), 1.0) ** 2
    return np.clip(1.0 - _LEAST_COMPONENTS / among, 0.0, _NARROW).astype(np.float32)


def _within_cones(first: Real, second: Real, axes: Curves, cosines: Real) -> tuple[Curves, Curves]:
    """FSC of two volumes (n, n, n): the whole one (n / 2 + 1,), and within cones (D, n / 2 + 1)."""
    a, b = to_fourier(first), to_fourier(second)
    whole = gridding.fsc(a, b)
    parts = _Components.of(a, b, cosines)
    return whole, np.stack([parts.fsc_about(axis, whole) for axis in axes])


class _Components(NamedTuple):
    """Components within Nyquist: unit vectors (3, m), shells, and the terms of the FSC (3, m).

    ``least`` (m,) is the cosine that puts each into a cone.
    """

    unit: Real
    shell: NDArray[np.int64]
    least: Real
    terms: Real

    @classmethod
    def of(cls, a: Complex, b: Complex, cosines: Real) -> _Components:
        box = len(a)
        shell = shell_of_components(box)
        used = (shell > 0) & (shell <= box // 2)
        terms = np.stack([(a * np.conj(b)).real, np.abs(a) ** 2, np.abs(b) ** 2])
        z, y, x = np.meshgrid(
            *(np.fft.fftfreq(box, 1.0 / box).astype(np.float32),) * 2,
            np.arange(box // 2 + 1, dtype=np.float32),
            indexing="ij",
        )
        vectors = np.stack([v[used] for v in (x, y, z)])
        unit = vectors / np.sqrt(np.sum(vectors**2, axis=0))
        return cls(unit, shell[used], cosines[shell[used]], (terms * multiplicity(box))[:, used])

    def fsc_about(self, axis: Curves, whole: Curves) -> Curves:
        """FSC (n / 2 + 1,) within the cone about an axis x, y, z; ``whole``'s where it is empty."""
        along = np.abs(axis.astype(np.float32) @ self.unit)
        near = np.flatnonzero(along >= self.least)
        shell = self.shell[near]
        cross, first, second = (
            np.bincount(shell, weights=term[near], minlength=len(whole)) for term in self.terms
        )
        power = first * second
        curve: Curves = np.divide(cross, np.sqrt(power), out=whole.copy(), where=power > 0)
        return curve


def anisotropy_warning(found: DirectionalFsc) -> str | None:
    """What a user ought to know, in a sentence or two: strong anisotropy, or nothing told; or None.

    Nothing is told where all of the halves agree only in shells whose cones are very wide.
    """
    wide = _wide(found.cosines)
    if (found.whole[1 : wide + 1] < CUTOFF).any():
        return (
            "The halves agree in too few shells to compare directions: the map is too coarse, or "
            "noise."
        )
    if not found.strong:
        return None
    (worst, to), (best, fine) = (
        (f"{found.resolution_angstrom[i]:.1f} Å", axis_words(found.directions[i]))
        for i in (found.coarsest, found.finest)
    )
    return (
        f"Strongly anisotropic: {worst} along {to}, {best} along {fine}. Features along {to} are "
        "smeared out. This comes of views from few sides or of the missing wedge: look at the "
        "directions of views, and add particles that are seen from other sides."
    )
