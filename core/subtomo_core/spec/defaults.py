"""What a job leaves open is filled from the dataset's physics; what does not fit is refused."""

from __future__ import annotations

import math
from typing import Any

from subtomo_core.errors import InputError
from subtomo_core.spec.checks import check
from subtomo_core.spec.costs import usual_batch
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.mask_and_resolution import START_SHELL, Mask, Resolution, SingleResolution
from subtomo_core.spec.missing_region import Weights
from subtomo_core.spec.parameters import MatchingParameters
from subtomo_core.spec.restart_schedule import starts_in, trial_defaults
from subtomo_core.spec.start import JobStart, MapStart

_SHARED_ANGSTROM, _SHARED_SHELLS = 40.0, 5.0  # see docs/decisions/0014-half-sets.md
_FASTEST = 2.0  # growth of the resolution in use in an iteration, shells, unless told


def shell_of(resolution_angstrom: float, summary: DatasetSummary) -> float:
    """Fourier radius in pixels of a resolution: ``n * voxel / resolution``."""
    return summary.box * summary.voxel_size_angstrom / resolution_angstrom


def _shared_angstrom(spec: AnySpec, extent: float, start_angstrom: float) -> float | None:
    if not spec.half_sets:
        return None
    usual = min(_SHARED_ANGSTROM, extent / _SHARED_SHELLS)
    return spec.resolution.shared_angstrom or max(usual, start_angstrom)


def resolve(spec: AnySpec, summary: DatasetSummary) -> AnySpec:
    """Fill every open field of ``spec`` with its default from the dataset's physics.

    Raises
    ------
    InputError
        If the specification does not fit the dataset.
    """
    problems = check(spec, summary)
    if problems:
        raise InputError(*problems)
    extent = summary.box * summary.voxel_size_angstrom
    top = summary.box / 2 - 1
    limit_shell = min(
        shell_of(spec.resolution.limit_angstrom, summary)
        if spec.resolution.limit_angstrom
        else spec.usual_limit * summary.box,
        top,
    )
    start_shell = min(
        shell_of(spec.resolution.start_angstrom, summary)
        if spec.resolution.start_angstrom
        else START_SHELL,
        limit_shell,
    )
    changes: dict[str, Any] = {
        "resolution": _resolution(spec, extent, start_shell, limit_shell),
        "mask": spec.mask.model_copy(update=_mask_defaults(spec, summary, extent)),
        "parameters": spec.parameters.model_copy(
            update=_parameter_defaults(spec, summary, limit_shell)
        ),
        "batch_particles": spec.batch_particles
        or usual_batch(spec, limit_shell, summary.particles),
        **trial_defaults(spec, summary),
    }
    if isinstance(spec.start, MapStart | JobStart) and spec.start.low_pass_angstrom is None:
        changes["start"] = spec.start.model_copy(update={"low_pass_angstrom": extent / start_shell})
    return spec.model_copy(update=changes)


def _resolution(spec: AnySpec, extent: float, start_shell: float, limit_shell: float) -> Resolution:
    if not spec.coarse_to_fine:
        return SingleResolution(limit_angstrom=extent / limit_shell)
    return Resolution(
        start_angstrom=extent / start_shell,
        limit_angstrom=extent / limit_shell,
        shared_angstrom=_shared_angstrom(spec, extent, extent / start_shell),
        growth_shells=spec.resolution.growth_shells
        or min(_FASTEST, max(1.0, (limit_shell - start_shell) / (0.5 * spec.iterations))),
    )


def _mask_defaults(spec: AnySpec, summary: DatasetSummary, extent: float) -> dict[str, Any]:
    """Open fields of the mask; what weights tell of crowded particles is left to the survey."""
    mask, changes = spec.mask, dict[str, Any]()
    if mask.particles is None and not (isinstance(summary.missing, Weights) and spec.fits_mask):
        changes["particles"] = False
    if isinstance(mask, Mask):
        changes["diameter_angstrom"] = mask.diameter_angstrom or 0.8 * extent
        fits = spec.fits_mask and mask.diameter_angstrom is None
        changes["fit"] = fits if mask.fit is None else mask.fit
    return changes


def _parameter_defaults(
    spec: AnySpec, summary: DatasetSummary, limit_shell: float
) -> dict[str, Any]:
    parameters = spec.parameters
    defaults: dict[str, Any] = {
        "shift_range_angstrom": parameters.shift_range_angstrom
        or max(6.0, 0.1 * summary.box) * summary.voxel_size_angstrom,
    }
    if isinstance(parameters, MatchingParameters):
        usual = min(24, max(8, 2 * math.ceil(limit_shell / 2)))
        defaults["bandwidth"] = parameters.bandwidth or usual
    if parameters.assignment.soft and parameters.assignment.noise is None:
        weighted = isinstance(summary.missing, Weights)
        defaults["noise"] = "shells" if weighted else "white"
    return defaults


def work_of(spec: AnySpec, iteration: int) -> float:
    """Work of an iteration over that of others, in a resolved specification."""
    planned = spec.work_in(iteration)
    return starts_in(spec, iteration) if planned is None else planned
