"""What a job leaves open is filled from the dataset's physics; what does not fit is refused."""

from __future__ import annotations

import math
from typing import Any

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.costs import usual_batch
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec, PairwiseSpec
from subtomo_core.spec.mask_and_resolution import Mask, PairwiseResolution, Resolution
from subtomo_core.spec.missing_region import Weights
from subtomo_core.spec.pairwise import pairwise_problems, usual_limit_shell, work_in
from subtomo_core.spec.parameters import FamlParameters, MatchingParameters, RefinementParameters
from subtomo_core.spec.restart_schedule import starts_in, trial_defaults, trial_problems
from subtomo_core.spec.start import JobStart, MapStart, PosesStart

_START_SHELL = 8.0
_SHARED_ANGSTROM, _SHARED_SHELLS = 40.0, 5.0  # see docs/decisions/0014-half-sets.md
_LEAST_OF_HALVES = 8  # particles a class
_FASTEST = 2.0  # growth of the resolution in use in an iteration, shells, unless told


def shell_of(resolution_angstrom: float, summary: DatasetSummary) -> float:
    """Fourier radius in pixels of a resolution: ``n * voxel / resolution``."""
    return summary.box * summary.voxel_size_angstrom / resolution_angstrom


def check(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
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
    problems += trial_problems(spec, summary)
    problems += [
        Problem(
            f"a limited search goes about each particle's present pose, and the start "
            f"'{spec.start.kind}' gives none: start from 'poses', or leave {field} out",
            pointer=f"/parameters/{field}",
        )
        for field in ("search_range_deg", "search_range_angstrom")
        if getattr(spec.parameters, field, None) is not None
        and not isinstance(spec.start, PosesStart)
    ]
    problems += _normal_problems(spec)
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
    return problems + _half_problems(spec, summary) + pairwise_problems(spec, summary)


def _normal_problems(spec: AnySpec) -> list[Problem]:
    parameters = spec.parameters
    if not (isinstance(parameters, RefinementParameters) and parameters.about_normal):
        return []
    problems, pointer = [], "/parameters/about_normal"
    if not isinstance(spec.start, PosesStart):
        detail = (
            f"a search about each particle's normal needs to know it, and the start "
            f"'{spec.start.kind}' tells none: start from 'poses', or set about_normal to false"
        )
        problems.append(Problem(detail, pointer=pointer))
    if set(spec.symmetries) != {"C1"}:
        detail = (
            "averages are brought onto their axes of symmetry, which would turn the normal: "
            "leave out symmetry, or set about_normal to false"
        )
        problems.append(Problem(detail, pointer=pointer))
    return problems


def _half_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    shared, problems = spec.resolution.shared_angstrom, []
    extent, least = summary.box * summary.voxel_size_angstrom, _LEAST_OF_HALVES * spec.classes
    pointer = "/resolution/shared_angstrom"
    if spec.half_sets and summary.particles < least:
        detail = (
            f"half sets need {least} particles or more, four in each half for each class, "
            f"and the dataset has {summary.particles}: set half_sets to false"
        )
        problems.append(Problem(detail, pointer="/half_sets"))
    if spec.whole_tomograms and not spec.half_sets:
        detail = "whole_tomograms belongs to half sets: set half_sets to true, or leave it out"
        problems.append(Problem(detail, pointer="/whole_tomograms"))
    if shared is None:
        return problems
    start = spec.resolution.start_angstrom or extent / _START_SHELL
    if not spec.half_sets:
        detail = "shared_angstrom belongs to half sets: set half_sets to true, or leave it out"
        problems.append(Problem(detail, pointer=pointer))
    elif not start <= shared <= extent / 2:
        detail = (
            f"halves which share their references down to {shared:g} Å do not fit: "
            f"choose between the start resolution ({start:g} Å) and {extent / 2:g} Å"
        )
        problems.append(Problem(detail, pointer=pointer))
    return problems


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
        else usual_limit_shell(spec, summary.box),
        top,
    )
    start_shell = min(
        shell_of(spec.resolution.start_angstrom, summary)
        if spec.resolution.start_angstrom
        else _START_SHELL,
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
    if isinstance(spec, PairwiseSpec):
        return PairwiseResolution(limit_angstrom=extent / limit_shell)
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
    if mask.particles is None and not isinstance(summary.missing, Weights):
        changes["particles"] = False
    if isinstance(mask, Mask):
        changes["diameter_angstrom"] = mask.diameter_angstrom or 0.8 * extent
        changes["fit"] = mask.diameter_angstrom is None if mask.fit is None else mask.fit
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
    if isinstance(parameters, FamlParameters):
        weighted = isinstance(summary.missing, Weights)
        defaults["noise"] = parameters.noise or ("shells" if weighted else "white")
    return defaults


def work_of(spec: AnySpec, iteration: int) -> float:
    """Work of an iteration over that of others, in a resolved specification."""
    planned = work_in(spec, iteration)
    return starts_in(spec, iteration) if planned is None else planned
