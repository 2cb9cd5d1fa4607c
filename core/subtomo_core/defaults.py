"""What a job leaves open is filled from the dataset's physics; what does not fit is refused."""

from __future__ import annotations

import math
from typing import Any

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec import (
    DatasetSummary,
    FamlParameters,
    FamlSpec,
    FaSpec,
    JobStart,
    MapStart,
    Mask,
    Resolution,
    Weights,
)


def shell_of(resolution_angstrom: float, summary: DatasetSummary) -> float:
    """Fourier radius in pixels of a resolution: ``n * voxel / resolution``."""
    return summary.box * summary.voxel_size_angstrom / resolution_angstrom


def check(spec: FamlSpec | FaSpec, summary: DatasetSummary) -> list[Problem]:
    """Everything in ``spec`` which does not fit the dataset; empty when all fits."""
    problems = []
    nyquist = 2.0 * summary.voxel_size_angstrom
    extent = summary.box * summary.voxel_size_angstrom
    if spec.classes > summary.particles:
        problems.append(
            Problem(
                f"{spec.classes} classes cannot be made of {summary.particles} particles: "
                "ask for fewer classes",
                pointer="/classes",
            )
        )
    if isinstance(spec.start, MapStart) and len(spec.start.maps) not in (1, spec.classes):
        problems.append(
            Problem(
                f"{len(spec.start.maps)} starting maps for {spec.classes} classes: "
                "give one map, or one for each class",
                pointer="/start/maps",
            )
        )
    if len(spec.symmetries) != spec.classes:
        problems.append(
            Problem(
                f"{len(spec.symmetries)} symmetries for {spec.classes} classes: "
                "give one for all, or one for each class",
                pointer="/symmetry",
            )
        )
    diameter = spec.mask.diameter_angstrom if isinstance(spec.mask, Mask) else None
    if diameter is not None and not 4 * summary.voxel_size_angstrom <= diameter <= extent:
        problems.append(
            Problem(
                f"a mask of {diameter:g} Å does not fit a box of {extent:g} Å: "
                f"choose between {4 * summary.voxel_size_angstrom:g} and {extent:g} Å",
                pointer="/mask/diameter_angstrom",
            )
        )
    start, limit = spec.resolution.start_angstrom, spec.resolution.limit_angstrom
    for field, value in (("start_angstrom", start), ("limit_angstrom", limit)):
        if value is not None and not nyquist <= value <= extent / 2:
            problems.append(
                Problem(
                    f"a resolution of {value:g} Å is outside what this dataset holds: "
                    f"choose between {nyquist:g} Å (two voxels) and {extent / 2:g} Å",
                    pointer=f"/resolution/{field}",
                )
            )
    if start is not None and limit is not None and start < limit:
        problems.append(
            Problem(
                f"the start resolution ({start:g} Å) is finer than the limit ({limit:g} Å): "
                "the resolution grows from start to limit",
                pointer="/resolution/start_angstrom",
            )
        )
    return problems


def resolve(spec: FamlSpec | FaSpec, summary: DatasetSummary) -> FamlSpec | FaSpec:
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
        else 0.4 * summary.box,
        top,
    )
    start_shell = min(
        shell_of(spec.resolution.start_angstrom, summary)
        if spec.resolution.start_angstrom
        else 8.0,
        limit_shell,
    )
    changes: dict[str, Any] = {
        "resolution": Resolution(
            start_angstrom=extent / start_shell, limit_angstrom=extent / limit_shell
        ),
        "mask": Mask(diameter_angstrom=spec.mask.diameter_angstrom or 0.8 * extent)
        if isinstance(spec.mask, Mask)
        else spec.mask,
        "parameters": spec.parameters.model_copy(
            update=_parameter_defaults(spec, summary, limit_shell)
        ),
        "batch_particles": spec.batch_particles or _batch_particles(spec, limit_shell),
    }
    if isinstance(spec.start, MapStart | JobStart) and spec.start.low_pass_angstrom is None:
        changes["start"] = spec.start.model_copy(update={"low_pass_angstrom": extent / start_shell})
    return spec.model_copy(update=changes)


def _parameter_defaults(
    spec: FamlSpec | FaSpec, summary: DatasetSummary, limit_shell: float
) -> dict[str, Any]:
    parameters = spec.parameters
    defaults: dict[str, Any] = {
        "bandwidth": parameters.bandwidth or min(24, max(8, 2 * math.ceil(limit_shell / 2))),
        "shift_range_angstrom": parameters.shift_range_angstrom
        or max(6.0, 0.1 * summary.box) * summary.voxel_size_angstrom,
    }
    if isinstance(parameters, FamlParameters):
        weighted = isinstance(summary.missing, Weights)
        defaults["noise"] = parameters.noise or ("shells" if weighted else "white")
    return defaults


def seconds_per_particle(spec: FamlSpec | FaSpec, limit_shell: float) -> float:
    """Rough CPU seconds which one particle costs in one iteration (see docs/benchmarks.md)."""
    per_class = 0.004 + spec.parameters.candidates * 6e-4 * (limit_shell / 20.0) ** 3
    return spec.classes * per_class + 0.002 * (limit_shell / 20.0) ** 3


def _batch_particles(spec: FamlSpec | FaSpec, limit_shell: float) -> int:
    """Particles in a batch of about 30 seconds on four cores."""
    return max(16, round(120.0 / seconds_per_particle(spec, limit_shell)))
