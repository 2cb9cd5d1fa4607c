"""The model of one job as the beginning of another with other settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model
from subtomo_core.orientation.point_group_rotations import symmetry_group
from subtomo_core.spec.job import AnySpec

_SAME = 1e-6  # of the elements of two rotation matrices
_IRRELEVANT = {"name", "iterations", "stop_when_converged", "batch_particles"}


def carried_on(model: Model, before: AnySpec, after: AnySpec) -> Model:
    """The model made under ``before`` as one may go on with it under ``after``.

    With the same settings it is the same model. A class whose new point group is not within
    its old one has yet to be turned to the axes. After a change of what is computed, quiet
    iterations count anew.
    """
    if _computed(before) == _computed(after):
        return model
    pairs = list(zip(before.symmetries, after.symmetries, strict=True))
    kept = np.array([_within(symmetry_group(new), symmetry_group(old)) for old, new in pairs])
    alone = np.array([len(symmetry_group(new)) == 1 for _, new in pairs])
    changed = np.array([old != new for old, new in pairs])
    return replace(
        model,
        on_axes=alone | (model.on_axes & kept),
        symmetry_correlation=np.where(changed, np.nan, model.symmetry_correlation),
        quiet=0,
        rivals=tuple(carried_on(rival, before, after) for rival in model.rivals),
    )


def _computed(spec: AnySpec) -> dict[str, object]:
    return spec.model_dump(exclude=_IRRELEVANT)


def _within(group: NDArray[np.float64], larger: NDArray[np.float64]) -> bool:
    """Whether every rotation of a group (g, 3, 3) is one of a larger one."""
    apart = np.abs(group[:, None] - larger[None]).max((2, 3))
    return bool((apart.min(1) < _SAME).all())
