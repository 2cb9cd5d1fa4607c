"""Pairs of volumes whose relative pose is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.missing import Region, observed
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.orientation.rotations import angular_distance, random_rotations
from subtomo_core.refiners import Fixed, FourierPair, Moved
from subtomo_core.simulate import four_gaussians
from subtomo_core.spec.missing_region import Complete, Wedge

BOX, R_MAX = 32, 8.0
WEDGE = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
COMPLETE = Complete()


@dataclass(frozen=True, eq=False)
class KnownPair:
    """A pair, the motion which brings g onto f, and both molecules' z axes."""

    pair: FourierPair
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    normals: tuple[NDArray[np.float64], NDArray[np.float64]]
    f: NDArray[np.float32]

    def errors(
        self, rotation: NDArray[np.float64], shift: NDArray[np.float64]
    ) -> tuple[float, float]:
        """Degrees and voxels."""
        angle = float(angular_distance(rotation, self.rotation))
        return angle, float(np.linalg.norm(shift - self.shift))


def known_pair(
    seed: int,
    *,
    seen_f: Region = COMPLETE,
    seen_g: Region = COMPLETE,
    snr: float = np.inf,
) -> KnownPair:
    """Two views of the phantom of four Gaussians in random poses."""
    rng = np.random.default_rng(seed)
    (Rf, Rg), (tf, tg) = random_rotations(rng, 2), rng.uniform(-2.0, 2.0, (2, 3))
    f = _view(Rf, tf, seen_f, snr, rng)
    pair = FourierPair(
        Fixed.of(f, seen_f, R_MAX), Moved.of(_view(Rg, tg, seen_g, snr, rng), seen_g, R_MAX), 8.0
    )
    R = Rf @ Rg.T
    return KnownPair(pair, R, tf - R @ tg, (Rf[:, 2], Rg[:, 2]), f)


def _view(
    rotation: NDArray[np.float64],
    shift: NDArray[np.float64],
    seen: Region,
    snr: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    volume = four_gaussians(190.0).density(BOX, 10.0, rotation, shift)
    volume = volume / volume.std()
    if np.isfinite(snr):
        volume = volume + rng.normal(0.0, snr**-0.5, volume.shape)
    return to_real(to_fourier(volume.astype(np.float32)) * observed(seen, BOX))
