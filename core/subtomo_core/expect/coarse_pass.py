"""Which rotations are worth a close look: a coarse pass before that of the whole grid.

A pose between two rotations of a coarse grid shows there as less than it is, by as much as the
reference loses when it is turned so far. So the posterior of a coarse pass is taken at a
temperature at which such a loss does not rule a rotation out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.expect.batch_samples import BatchSamples
from subtomo_core.fourier.band import Band
from subtomo_core.kernels.interpolate import gather
from subtomo_core.orientation.rotations import rotation_about

Values = NDArray[np.float64]

COARSER = 2.0  # step of a coarse pass over that of the search, and its radius the other way
LEAST_RADIUS = 4.0  # Fourier pixels
_FARTHEST = 0.6  # of the coarse step: how far a pose may be from the nearest rotation
_AXES = np.concatenate([np.eye(3), np.ones((1, 3))])


def temperatures(samples: BatchSamples, references: list[Real], step_deg: float) -> Values:
    """Temperature of each particle's coarse posterior, (B,).

    At it, what the brightest reference loses between rotations ``step_deg`` apart comes to the
    logarithm of a thousand.
    """
    lost = [what_turning_loses(samples.support, r, _FARTHEST * step_deg) for r in references]
    shells = np.arange(len(samples.weighed[0].shell_weights))
    inside = np.where(shells <= samples.support.reach, 1.0, 0.0)
    losses = [
        max(float((w.shell_weights * inside * shell_loss).sum()) for shell_loss in lost)
        for w in samples.weighed
    ]
    return np.maximum(1.0, np.array(losses) / math.log(1000.0))


def what_turning_loses(support: Band, reference: Real, degrees: float) -> Values:
    """``|A|^2 - Re A conj(A_R)`` of a component, the mean of each shell, (shells,).

    Of a turn R by so many degrees, the mean over a few axes.
    """
    still = _read(support, reference, np.eye(3))
    total = np.zeros(support.box // 2 + 1)
    for axis in _AXES:
        turned = _read(support, reference, rotation_about(axis, degrees))
        terms = ((still - turned) * still).sum(0) * support.count
        total += np.bincount(support.shell, terms, len(total)) / len(_AXES)
    counts = np.bincount(support.shell, support.count, len(total))
    return np.maximum(total, 0.0) / np.maximum(counts, 1.0)


def _read(support: Band, reference: Real, rotation: Values) -> Values:
    parts = np.empty((2, len(support.index)), np.float32)
    gather(reference, support.points, rotation, 2.0, parts)
    return parts.astype(np.float64)


def carrying(posterior: Values, share: float) -> NDArray[np.bool_]:
    """The fewest rotations of all classes that carry a share of each posterior, (K, B, M)."""
    classes, count, rotations = posterior.shape
    flat = posterior.transpose(1, 0, 2).reshape(count, -1)
    order = np.argsort(-flat, axis=1, kind="stable")
    sorted_shares = np.take_along_axis(flat, order, 1)
    before = np.cumsum(sorted_shares, 1) - sorted_shares
    kept = np.zeros_like(flat, bool)
    np.put_along_axis(kept, order, before < share * flat.sum(1, keepdims=True), 1)
    return kept.reshape(count, classes, rotations).transpose(1, 0, 2)
