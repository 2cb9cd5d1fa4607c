"""Weights per Fourier component: from the layouts that programs write to the core's."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.fourier.shells import radius_of
from subtomo_store.formats.volume_header import VolumeHeader, refuse

# Interpolation and cropping leave weights slightly negative. The sum of these may be this much
# of the sum of the others; that of CTF values, which change sign, is far more.
RINGING = 0.1
SAME = 0.01  # relative difference of voxel sizes

Change = Literal["negative", "cropped", "binned"]
_DONE: dict[Change, str] = {
    "negative": "are slightly negative in places and were set to 0 there",
    "cropped": "come for a larger box and were cropped as the particles were",
    "binned": "come for a smaller voxel and were cut off where the particles are",
}


class HalfWeights(NamedTuple):
    """Weights in the layout of ``rfftn``, and what was changed in them.

    Attributes
    ----------
    values : ndarray of float32, (n, n, n//2+1)
        Origin at [0, 0, 0].
    changes : tuple of str
    """

    values: NDArray[np.float32]
    changes: tuple[Change, ...]


def own_box(weights: VolumeHeader, particle: VolumeHeader, name: str) -> int:
    """Box of the particles that a weight volume is for: this particle's, or a larger one.

    Raises
    ------
    InputError
        If its shape is none that weights have, or the box is larger and the voxel sizes do not
        tell whether particles were cropped or binned since.
    """
    box, shape = particle.shape[0], weights.shape
    own = shape[1]
    if own % 2 or shape not in _layouts(own) or own < box:
        z, y, x = shape
        raise refuse(
            name,
            f"weights of {x} x {y} x {z} do not fit particles of {box} voxels: "
            f"{box} x {box} x {box} (centred) or {box // 2 + 1} x {box} x {box} (half) is wanted",
            "rlnCtfImage",
        )
    if own > box and _change(weights, particle) is None:
        raise refuse(
            name,
            f"weights for boxes of {own} voxels beside particles of {box}, and the voxel sizes in "
            "their headers do not tell whether the particles were cropped (the same) or binned "
            f"(in the ratio of the boxes): give weights for boxes of {box} voxels",
            "rlnCtfImage",
        )
    return own


def half_weights(
    weights: NDArray[np.float32], header: VolumeHeader, particle: VolumeHeader, name: str
) -> HalfWeights:
    """Bring a weight volume into the layout of ``rfftn``, for the particle's box n.

    Parameters
    ----------
    weights : ndarray
        Of an own box m, n or larger. Shape (m, m, m): the full grid, origin at ``m // 2``. Or
        (m, m, m//2+1): RELION's half, origin at 0. Or (2m, m, m//2+1): RELION 5's half,
        followed by the multiplicities, which are left out.
    header, particle : VolumeHeader
        Of the weights and of the particle.
    name : str
        Name in problems.

    Returns
    -------
    HalfWeights
        Of a full grid the mean of each component and its Friedel mate. Slightly negative ones
        are 0. Of a larger box: the weights of a particle cut from its middle, where voxels have
        one size; the components that are left, where particles were binned.

    Raises
    ------
    InputError
        If the volume is for no such box, a weight is not finite, many are negative, or all are 0
        up to Nyquist.
    """
    box, own = particle.shape[0], own_box(header, particle, name)
    _check_values(weights, name)
    half = _half(weights)
    changes: list[Change] = ["negative"] if float(half.min()) < 0.0 else []
    change = _change(header, particle) if own > box else None
    if change == "cropped":
        half = _cropped(half, box)
    elif change == "binned":
        half = _binned(half, box)
    if change:
        changes.append(change)
    kept = np.ascontiguousarray(np.maximum(half, 0.0), dtype=np.float32)
    _check_seen(kept, name)
    return HalfWeights(kept, tuple(changes))


def remarks_on(changes: Counter[Change], particles: int) -> list[str]:
    """Sentences on what was changed in the weights of how many of the particles."""
    return [
        f"weights of {count} of the {particles} particles {_DONE[change]}"
        for change, count in sorted(changes.items())
    ]


def _layouts(box: int) -> tuple[tuple[int, int, int], ...]:
    half = box // 2 + 1
    return (box, box, box), (box, box, half), (2 * box, box, half)


def _change(weights: VolumeHeader, particle: VolumeHeader) -> Change | None:
    """What was done to particles since weights of a larger box were made."""
    fine, size = weights.voxel_size, particle.voxel_size
    if not fine or not size:
        return None
    ratio = weights.shape[1] / particle.shape[0]
    if abs(size / fine - 1.0) < SAME:
        return "cropped"
    return "binned" if abs(size / fine - ratio) < SAME * ratio else None


def _half(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    box, width = weights.shape[1:]
    if width < box:
        return weights[:box]
    full = np.fft.ifftshift(weights)
    mates = np.roll(full[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))  # w(-k)
    half: NDArray[np.float32] = 0.5 * (full + mates)[..., : box // 2 + 1]
    return half


def _cropped(half: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """Weights of what is cut from the middle: their point-spread function, cut alike."""
    own = half.shape[0]
    near = np.r_[: box // 2, own - box // 2 : own]
    spread = np.fft.irfftn(half, (own, own, own), axes=(0, 1, 2))[np.ix_(near, near, near)]
    kept: NDArray[np.float32] = np.fft.rfftn(spread).real.astype(np.float32)
    return kept


def _binned(half: NDArray[np.float32], box: int) -> NDArray[np.float32]:
    """Weights up to the particles' Nyquist frequency."""
    own = half.shape[0]
    kept = np.r_[: box // 2, own - box // 2 : own]
    left: NDArray[np.float32] = half[np.ix_(kept, kept, np.arange(box // 2 + 1))]
    return left


def _check_values(weights: NDArray[np.float32], name: str) -> None:
    wrong = np.count_nonzero(~np.isfinite(weights))
    if wrong:
        raise refuse(name, f"{wrong} weights are NaN or infinite: make them 0", "rlnCtfImage")
    if float(weights.max()) <= 0.0:
        raise refuse(name, "no weight is above 0: nothing was observed", "rlnCtfImage")
    below = weights < 0.0
    if -weights.sum(dtype=np.float64, where=below) > RINGING * weights.sum(
        dtype=np.float64, where=~below
    ):
        raise refuse(
            name,
            f"{np.count_nonzero(below)} weights are negative (lowest {float(weights.min()):.4g}), "
            "as CTF values are, but not the sums of their squares that weights are: give squared "
            "CTF values, 0 where nothing was observed",
            "rlnCtfImage",
        )


def _check_seen(half: NDArray[np.float32], name: str) -> None:
    """Refuse weights that lie at the origin and in the corners alone: no shell has any."""
    box = half.shape[0]
    radius = radius_of(box)
    if not np.any(half[(radius > 0) & (radius < box / 2)] > 0.0):
        raise refuse(
            name,
            "no weight between the origin and Nyquist is above 0: nothing was observed there; "
            "check the file's layout",
            "rlnCtfImage",
        )
