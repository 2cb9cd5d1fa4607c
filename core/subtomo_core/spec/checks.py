"""What of a specification does not fit its dataset."""

from __future__ import annotations

from subtomo_core.errors import Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.mask_and_resolution import START_SHELL, Mask
from subtomo_core.spec.restart_schedule import trial_problems
from subtomo_core.spec.start import MapStart, PosesStart

_LEAST_OF_HALVES = 8  # particles a class
_FEWEST_OF_A_CLASS = 10  # of which an average is worth a look


def check(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    """Everything in ``spec`` which does not fit the dataset; empty when all fits."""
    return [
        *_class_problems(spec, summary),
        *trial_problems(spec, summary),
        *spec.parameters.pose_problems(spec.start),
        *_normal_problems(spec),
        *_symmetry_problems(spec),
        *_mask_problems(spec, summary),
        *_resolution_problems(spec, summary),
        *_half_problems(spec, summary),
        *spec.problems(summary),
    ]


def remarks(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    """What fits and is hardly meant, each at its field; a job may be made all the same."""
    each = summary.particles / spec.classes
    if spec.classes == 1 or each >= _FEWEST_OF_A_CLASS:
        return []
    shared = f"{summary.particles} particles in {spec.classes} classes are {each:.2g} in each"
    most = max(1, summary.particles // _FEWEST_OF_A_CLASS)
    usual = "one class" if most == 1 else f"at most {most} classes"
    detail = (
        f"{shared}: averages of fewer than {_FEWEST_OF_A_CLASS} show little but noise; {usual} "
        "would hold more"
    )
    return [Problem(detail, pointer="/classes")]


def _class_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    problems = []
    if spec.classes > summary.particles:
        detail = (
            f"{spec.classes} classes cannot be made of {summary.particles} particles: "
            "ask for fewer classes"
        )
        problems.append(Problem(detail, pointer="/classes"))
    if isinstance(spec.start, MapStart) and len(spec.start.maps) not in (1, spec.classes):
        detail = (
            f"{len(spec.start.maps)} starting maps for {spec.classes} classes: "
            "give one map, or one for each class"
        )
        problems.append(Problem(detail, pointer="/start/maps"))
    return problems


def _normal_problems(spec: AnySpec) -> list[Problem]:
    if not spec.parameters.turns_about_normal:
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


def _symmetry_problems(spec: AnySpec) -> list[Problem]:
    if len(spec.symmetries) == spec.classes:
        return []
    detail = (
        f"{len(spec.symmetries)} symmetries for {spec.classes} classes: "
        "give one for all, or one for each class"
    )
    return [Problem(detail, pointer="/symmetry")]


def _mask_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    diameter = spec.mask.diameter_angstrom if isinstance(spec.mask, Mask) else None
    least, extent = 4 * summary.voxel_size_angstrom, summary.box * summary.voxel_size_angstrom
    if diameter is None or least <= diameter <= extent:
        return []
    detail = (
        f"a mask of {diameter:g} Å does not fit a box of {extent:g} Å: "
        f"choose between {least:g} and {extent:g} Å"
    )
    return [Problem(detail, pointer="/mask/diameter_angstrom")]


def _resolution_problems(spec: AnySpec, summary: DatasetSummary) -> list[Problem]:
    nyquist = 2.0 * summary.voxel_size_angstrom
    coarsest = summary.box * summary.voxel_size_angstrom / 2
    start, limit = spec.resolution.start_angstrom, spec.resolution.limit_angstrom
    problems = [
        Problem(
            f"a resolution of {value:g} Å is outside what this dataset holds: "
            f"choose between {nyquist:g} Å (two voxels) and {coarsest:g} Å",
            pointer=f"/resolution/{field}",
        )
        for field, value in (("start_angstrom", start), ("limit_angstrom", limit))
        if value is not None and not nyquist <= value <= coarsest
    ]
    if start is not None and limit is not None and start < limit:
        detail = (
            f"the start resolution ({start:g} Å) is finer than the limit ({limit:g} Å): "
            "the resolution grows from start to limit"
        )
        problems.append(Problem(detail, pointer="/resolution/start_angstrom"))
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
    start = spec.resolution.start_angstrom or extent / START_SHELL
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
