"""Symmetry within a job: turns a class's sums to the axes of its group and averages them.

Maps that are given stand there from the start. From a random start a class is C1 until its
average shows the axes, or until half of the iterations are over; see
docs/decisions/0017-symmetry.md.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Real
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.transforms import to_fourier, to_real
from subtomo_core.maximise.averages import EMPTY, Averages
from subtomo_core.maximise.axes_of_halves import axes_of_halves, correlation_at, even_gain
from subtomo_core.orientation.symmetry_average import symmetrised_map
from subtomo_core.orientation.symmetry_axes import Axes, correlation_about_axes
from subtomo_core.plan import Settings

# Between what a body without the symmetry reaches at its best axes and 1: from where an average
# counts as symmetric, and below that a job is told.
_SHOWS, _DOUBTFUL = 0.8, 0.4
_LATEST = 0.5  # share of the iterations after which the axes are taken as they are


class Standing(NamedTuple):
    """What a maximisation did about symmetry, for each class; fields of `Model`."""

    on_axes: NDArray[np.bool_]
    frames: NDArray[np.float64]
    symmetry_correlation: NDArray[np.float64]


def unmoved(classes: int) -> NDArray[np.float64]:
    """Frames (K, 3, 4) that leave poses as they are."""
    return np.repeat(np.eye(3, 4)[None], classes, 0)


def given(settings: Settings, references: Real) -> tuple[Real, Standing]:
    """References (K, n, n, n) averaged over their groups about the standard axes."""
    standing = nothing_stands(settings)
    result = np.array(references, np.float32)
    for k, group in enumerate(settings.groups):
        standing.on_axes[k] = True
        if len(group) > 1:
            weights = np.arange(settings.shells) <= settings.start_shell
            transform = to_fourier(result[k] * settings.mask)
            even = to_real(transform * even_gain(transform, weights.astype(np.float64)))
            standing.symmetry_correlation[k] = correlation_about_axes(even, group)
            result[k] = symmetrised_map(result[k], group)
    return result, standing


def nothing_stands(settings: Settings) -> Standing:
    """Before anything was averaged: a class of C1 has no axes to be found."""
    alone = np.array([len(group) == 1 for group in settings.groups])
    return Standing(alone, unmoved(len(alone)), np.full(len(alone), np.nan))


def stand(
    settings: Settings, model: Model, averages: Averages, theta: float
) -> tuple[Averages, Model, Standing]:
    """Sums and old maps on the axes of the classes' groups, averaged over these.

    Classes that are drawn together (``theta``) wait: an average of several frames has no axes.
    """
    standing = Standing(
        model.on_axes.copy(), unmoved(len(model.on_axes)), model.symmetry_correlation.copy()
    )
    mass = averages.mass.sum(0)
    survey = model.iteration < 0
    fsc = averages.half_maps()[1].corrected if not (survey or standing.on_axes.all()) else None
    for k, group in enumerate(settings.groups):
        if survey or len(group) == 1 or mass[k] < EMPTY:
            continue
        if fsc is not None and not standing.on_axes[k]:
            axes = _axes_of(settings, averages, k, fsc[k], model.shell_in_use)
            standing.symmetry_correlation[k] = axes.correlation
            last = model.iteration + 1 >= math.ceil(_LATEST * settings.spec.iterations)
            together = theta > 0 and len(mass) > 1
            if together or not (last or axes.correlation >= correlation_at(group, _SHOWS)):
                continue
            standing.on_axes[k] = True
            standing.frames[k] = np.column_stack([axes.rotation, axes.shift])
            model = _turned(model, k, group, standing.frames[k])
        averages = averages.over(group, k, standing.frames[k])
    return averages, model, standing


def alarms(settings: Settings, standing: Standing | Model) -> tuple[str, ...]:
    """Classes whose averages have not the symmetry that the job asked for."""
    return tuple(
        f"the average of class {k + 1} does not have the symmetry {settings.spec.symmetries[k]} "
        f"that the job asked for: its correlation with its symmetrised self was {found:.2f} "
        "before the symmetry was imposed; compare with a run in C1"
        for k, found in enumerate(standing.symmetry_correlation)
        if standing.on_axes[k] and found < correlation_at(settings.groups[k], _DOUBTFUL)
    )


def _axes_of(settings: Settings, averages: Averages, k: int, fsc: Real, shell: float) -> Axes:
    """Axes in the average of a class, and the correlation there that its halves speak for."""
    halves = [to_fourier(to_real(averages.half(h, k)) * settings.mask) for h in range(2)]
    return axes_of_halves(halves, fsc, settings.groups[k], shell + 1.0)


def _turned(model: Model, k: int, group: NDArray[np.float64], frame: NDArray[np.float64]) -> Model:
    """The model with the references of class k on the axes: what fills what is missing."""
    fold_maps = model.fold_maps.copy()
    for f, reference in enumerate(fold_maps[:, k]):
        fold_maps[f, k] = symmetrised_map(reference, group, frame[:, :3], frame[:, 3])
    return replace(model, fold_maps=fold_maps)
