"""Centred unitary Fourier transforms of volumes.

A volume ``v[z, y, x]`` has its origin at voxel ``n // 2`` (n even). Its transform is unitary, so
that sums of squares agree on both sides (Parseval) and a noise variance is that of a voxel.
Only ``kx >= 0`` is stored. See docs/conventions.md.
"""

from __future__ import annotations

from functools import lru_cache

import ducc0
import numpy as np

from subtomo_core.arrays import Complex, Real

_AXES = (0, 1, 2)
_CROPPED = 0.4  # of the box: a transform of all components is as fast where more are wanted
_ONE_THREAD = 1  # with more a transform's last bits differ, and results with the machine


@lru_cache(maxsize=8)
def _centre_sign(box: int) -> Real:
    """``(-1)^(kx + ky + kz)``: moves the origin to voxel ``n / 2``, shape (n, n, n // 2 + 1)."""
    sign = 1.0 - 2.0 * (np.arange(box) % 2)
    result: Real = (
        sign[:, None, None] * sign[None, :, None] * sign[None, None, : box // 2 + 1]
    ).astype(np.float32)
    result.setflags(write=False)
    return result


def centreless(volume: Real, reach: int | None = None) -> Complex:
    """Unitary half transform (n, n, n // 2 + 1) with the origin at voxel [0, 0, 0].

    Only components up to frequency ``reach`` on every axis hold anything of use, where given:
    lines of others are left out of the transforms along the second and third axis.
    """
    box = volume.shape[0]
    if reach is None or reach > _CROPPED * box:
        transform: Complex = ducc0.fft.r2c(volume, axes=_AXES, inorm=1, nthreads=_ONE_THREAD)
        return transform
    transform = ducc0.fft.r2c(volume, axes=(2,), inorm=1, nthreads=_ONE_THREAD)
    inner = transform[:, :, : reach + 1]
    ducc0.fft.c2c(inner, axes=(1,), inorm=1, out=inner, nthreads=_ONE_THREAD)
    for half in (inner[:, : reach + 1], inner[:, box - reach :]):
        ducc0.fft.c2c(half, axes=(0,), inorm=1, out=half, nthreads=_ONE_THREAD)
    return transform


def to_fourier(volume: Real) -> Complex:
    """Centred unitary half transform, shape (n, n, n // 2 + 1), of a volume (n, n, n)."""
    transform = centreless(np.ascontiguousarray(volume, np.float32))
    transform *= _centre_sign(volume.shape[0])
    return transform


def to_real(transform: Complex) -> Real:
    """Volume (n, n, n) of a centred unitary half transform (n, n, n // 2 + 1)."""
    return from_centreless(transform * _centre_sign(transform.shape[0]))


def from_centreless(transform: Complex) -> Real:
    """Volume (n, n, n) of a unitary half transform with the origin at voxel [0, 0, 0]."""
    volume: Real = ducc0.fft.c2r(
        transform,
        axes=_AXES,
        lastsize=transform.shape[0],
        forward=False,
        inorm=1,
        nthreads=_ONE_THREAD,
    )
    return volume
