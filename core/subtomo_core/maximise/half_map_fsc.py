"""Fourier shell correlation of two half maps, corrected for the mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.fourier import gridding
from subtomo_core.fourier.shells import radius_of
from subtomo_core.fourier.transforms import to_fourier, to_real

_RELIABLE = 0.8  # phases are randomised from where the unmasked correlation falls below this
_SPILLED = 2  # shells beyond that in which a mask mixes randomised with kept phases
_SEED = 0x5EED  # of the random phases: the same for every job, class and iteration


class HalfCurves(NamedTuple):
    """Correlations of two half maps in each shell, (shells,) each.

    Attributes
    ----------
    corrected : ndarray of float32
        Of the masked halves, less what the mask alone makes agree.
    unmasked, masked : ndarray of float32
        Of the halves as they are, and under the mask.
    phase_randomised : ndarray of float32
        Of the masked halves whose phases were random beyond `reliable_shell`: what the mask
        alone makes agree.
    """

    corrected: Real
    unmasked: Real
    masked: Real
    phase_randomised: Real

    def cut(self, radius: float) -> HalfCurves:
        """The curves with nothing beyond ``radius`` pixels."""
        inside = np.arange(len(self.masked)) <= int(radius)
        return HalfCurves(*(curve * inside for curve in self))


def half_curves(first: Real, second: Real, mask: Real) -> HalfCurves:
    """Fourier shell correlations of two half maps (n, n, n), also corrected for the soft mask.

    ``corrected = (masked - random) / (1 - random)`` from two shells beyond the one where the
    phases begin to be random; up to there the masked correlation stands.

    References
    ----------
    Chen et al. (2013), High-resolution noise substitution to measure overfitting and validate
    resolution in 3D structure determination by single particle electron cryomicroscopy.
    Ultramicroscopy 135, 24-35.
    """
    transforms = [to_fourier(first), to_fourier(second)]
    unmasked = gridding.fsc(*transforms)
    masked = gridding.fsc(*(to_fourier(volume * mask) for volume in (first, second)))
    shell = reliable_shell(unmasked)
    noised = [phases_randomised(t, shell, half) for half, t in enumerate(transforms)]
    spoiled = gridding.fsc(*(to_fourier(to_real(t) * mask) for t in noised))
    corrected = corrected_for_mask(masked, spoiled, shell)
    curves = (corrected, unmasked, masked, spoiled)
    return HalfCurves(*(curve.astype(np.float32) for curve in curves))


def reliable_shell(unmasked: NDArray[np.floating]) -> int:
    """First shell from 1 where the unmasked correlation is below 0.8; their number if none."""
    below = np.nonzero(unmasked[1:] < _RELIABLE)[0]
    return int(below[0]) + 1 if len(below) else len(unmasked)


def phases_randomised(transform: Complex, shell: int, half: int) -> Complex:
    """Half transform with random phases from ``shell`` on; amplitudes stay.

    The phases are those of one white-noise volume a half, so that the result is a real map and
    the same in every process.
    """
    box = transform.shape[0]
    draw = np.random.default_rng([_SEED, half])
    noise = to_fourier(draw.standard_normal((box, box, box), np.float32))
    turned = np.abs(transform) * noise / np.maximum(np.abs(noise), np.float32(1e-30))
    kept = np.rint(radius_of(box)) < shell
    return np.where(kept, transform, turned).astype(np.complex64)


def corrected_for_mask(
    masked: NDArray[np.floating], phase_randomised: NDArray[np.floating], shell: int
) -> NDArray[np.float64]:
    """The masked correlation less what the mask makes agree, with phases random from ``shell``."""
    left = np.maximum(1.0 - phase_randomised, 1e-6)
    corrected = np.where(left > 1e-6, (masked - phase_randomised) / left, 0.0)
    beyond = np.arange(len(masked)) >= shell + _SPILLED
    return np.where(beyond, corrected, masked).astype(np.float64)
