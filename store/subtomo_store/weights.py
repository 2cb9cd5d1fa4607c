"""Weights per Fourier component: from the layouts that programs write to the core's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier import radius_of
from subtomo_store.formats.volume_header import refuse

ROUNDING = 1e-6


def check_weight_shape(shape: tuple[int, int, int], box: int, name: str) -> None:
    """Refuse a weight volume which fits no layout for particles of this box.

    Raises
    ------
    InputError
        Naming both shapes.
    """
    half = box // 2 + 1
    if shape not in ((box, box, box), (box, box, half), (2 * box, box, half)):
        z, y, x = shape
        raise refuse(
            name,
            f"weights of {x} x {y} x {z} do not fit particles of {box} voxels: "
            f"{box} x {box} x {box} (centred) or {half} x {box} x {box} (half) is wanted",
            "rlnCtfImage",
        )


def half_weights(weights: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Bring a weight volume into the layout of ``rfftn``.

    Parameters
    ----------
    weights : array
        Shape (n, n, n): the full grid, origin at ``n // 2``. Or (n, n, n//2+1): RELION's half,
        origin at 0. Or (2n, n, n//2+1): RELION 5's half, followed by the multiplicities, which
        are left out.
    name : str
        Name in problems.

    Returns
    -------
    array, shape (n, n, n//2+1)
        Origin at [0, 0, 0]. Of a full grid the mean of each component and its Friedel mate.

    Raises
    ------
    InputError
        If a weight is not finite or negative, or all are 0 up to Nyquist.
    """
    box, width = weights.shape[1:]
    _check_values(weights, name)
    if width == box:
        full = np.fft.ifftshift(weights)
        mates = np.roll(full[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))  # w(-k)
        half = 0.5 * (full + mates)[..., : box // 2 + 1]
    else:
        half = weights[:box]
    kept = np.ascontiguousarray(np.maximum(half, 0.0), dtype=np.float32)
    _check_seen(kept, name)
    return kept


def _check_values(weights: NDArray[np.float32], name: str) -> None:
    wrong = np.count_nonzero(~np.isfinite(weights))
    if wrong:
        raise refuse(name, f"{wrong} weights are NaN or infinite: make them 0", "rlnCtfImage")
    highest = float(weights.max())
    if highest <= 0.0:
        raise refuse(name, "no weight is above 0: nothing was observed", "rlnCtfImage")
    below = np.count_nonzero(weights < -ROUNDING * highest)
    if below:
        raise refuse(
            name,
            f"{below} weights are negative (lowest {float(weights.min()):.4g}): "
            "give squared CTF values, 0 where nothing was observed",
            "rlnCtfImage",
        )


def _check_seen(half: NDArray[np.float32], name: str) -> None:
    """Refuse weights which lie at the origin and in the corners alone: no shell has any."""
    box = half.shape[0]
    radius = radius_of(box)
    if not np.any(half[(radius > 0) & (radius < box / 2)] > 0.0):
        raise refuse(
            name,
            "no weight between the origin and Nyquist is above 0: nothing was observed there; "
            "check the file's layout",
            "rlnCtfImage",
        )
