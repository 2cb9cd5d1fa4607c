"""References of halves that are kept apart from the start (decision 14)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from subtomo_core.arrays import Complex, Real
from subtomo_core.data.statistics import Model
from subtomo_core.fourier.shells import radius_of, soft_edge
from subtomo_core.maximise.averages import Averages
from subtomo_core.plan import Settings

GOLD_STANDARD = "gold standard"
SHARED_REFERENCE = "shared reference"


def fsc_kind(settings: Settings) -> str:
    """What the correlation of the half maps may be called."""
    return GOLD_STANDARD if settings.half_sets else SHARED_REFERENCE


def shared_angstrom(settings: Settings) -> float | None:
    """Resolution up to which the halves' references are shared; None if they are throughout.

    Where the job starts from maps, both halves were once aligned to the same ones.
    """
    if not settings.half_sets:
        return None
    given = settings.spec.start.kind != "random"
    shell = max(settings.shared_shell, settings.start_shell if given else 0.0)
    return settings.extent / shell


def shared_part(settings: Settings, radius: NDArray[np.floating]) -> Real:
    """How much of a component at ``radius`` pixels the references of both halves share.

    It falls to 0 at the shared shell, two shells wide, so that what a mask carries over the
    edge stays below it.
    """
    return soft_edge(radius, settings.shared_shell - 1.0)


def references(
    settings: Settings, averages: Averages, model: Model, fold: int, theta: float
) -> list[Complex]:
    """Transforms of all classes that the particles of a fold meet next.

    The average of all folds but this one. With half sets: of all but this one only in the shared
    shells, and beyond them of the other folds of its own half.
    """
    common = averages.classes(model, fold, theta)
    if not settings.half_sets:
        return common
    half = averages.classes(model, fold, 0.5 * theta, fold % 2)
    share = shared_part(settings, radius_of(settings.box))
    return [share * c + (1.0 - share) * h for c, h in zip(common, half, strict=True)]


def noise_power(
    settings: Settings,
    averages: Averages,
    model: Model,
    fold: int,
    theta: float,
    *,
    noise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Noise power of a component of the `references` of a fold before any filter, (K, shells).

    ``noise`` (shells,) is that of a particle's component.
    """
    common = averages.noise_power(model, noise, fold, theta)
    if not settings.half_sets:
        return common
    half = averages.noise_power(model, noise, fold, 0.5 * theta, fold % 2)
    share = shared_part(settings, np.arange(settings.shells, dtype=np.float32))
    # Common and half averages have particles in common: their noise adds up in amplitude.
    return (share * np.sqrt(common) + (1.0 - share) * np.sqrt(half)) ** 2
