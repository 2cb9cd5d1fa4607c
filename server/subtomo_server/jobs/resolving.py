"""From a specification as it was sent to the one that is stored."""

from __future__ import annotations

from sqlalchemy.orm import Session

from subtomo_core.data.folds import grouping_problems
from subtomo_core.data.initial_poses import check_start, own_poses
from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.masks import mask_problem
from subtomo_core.spec.checks import check
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.defaults import resolve
from subtomo_core.spec.job import AnySpec
from subtomo_core.spec.mask_and_resolution import MapMask
from subtomo_core.spec.start import JobStart, MapStart, PosesStart
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Dataset
from subtomo_store.datasets import datasets, maps
from subtomo_store.datasets.grouping import read_grouping
from subtomo_store.datasets.provenance import Provenance, places_among, read_provenance
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.errors import NotFoundError
from subtomo_store.files.data_folder import Files
from subtomo_store.formats.volumes import read_volume
from subtomo_store.jobs import iterations, jobs
from subtomo_store.upkeep import retention

VOXEL_TOLERANCE = 0.01


def resolved(session: Session, files: Files, user: User, spec: AnySpec) -> tuple[Dataset, AnySpec]:
    """Fill in a specification's defaults and check it against dataset and references.

    Raises
    ------
    InputError
        If something in it does not fit, with a pointer to the field.
    ConflictError
        If the dataset is not ready.
    """
    try:
        dataset = datasets.get(session, spec.dataset, user.id)
    except NotFoundError as error:
        raise InputError(Problem(f"{error}: upload one first", pointer="/dataset")) from error
    jobs.require_ready(dataset)
    problems = _start_problems(session, files, user, spec, dataset)
    problems += mask_problems(session, files, user, spec, dataset.summary)
    problems += check(spec, dataset.summary)
    if problems:
        raise InputError(*problems)
    full = resolve(spec, dataset.summary)
    folder = files.dataset(dataset.id)
    problems = grouping_problems(full, dataset.summary.particles, read_grouping(folder))
    if problems:
        raise InputError(*problems)
    if isinstance(full.start, PosesStart) and full.start.job is None:
        given = StackParticles(folder).given_poses()
        check_start(full, own_poses(full, *given), dataset.summary)
    return dataset, full


def _start_problems(
    session: Session, files: Files, user: User, spec: AnySpec, dataset: Dataset
) -> list[Problem]:
    start, summary = spec.start, dataset.summary
    if isinstance(start, MapStart):
        found = [
            _map_problem(session, user, map_id, f"/start/maps/{index}", summary)
            for index, map_id in enumerate(start.maps)
        ]
        return [problem for problem in found if problem]
    if isinstance(start, JobStart):
        problem = _job_problem(session, user, start, spec.classes, summary)
        return [problem] if problem else []
    if isinstance(start, PosesStart) and start.job is not None:
        problem = _poses_problem(session, files, user, start, spec)
        return [problem] if problem else []
    return []


def mask_problems(
    session: Session,
    files: Files,
    user: User,
    spec: AnySpec,
    summary: DatasetSummary,
) -> list[Problem]:
    """What is wrong with the map that a specification names as its mask."""
    if not isinstance(spec.mask, MapMask):
        return []
    problem = _map_problem(session, user, spec.mask.map, "/mask/map", summary)
    if problem is None:
        volume = read_volume(files.map(spec.mask.map), spec.mask.map, summary.voxel_size_angstrom)
        problem = mask_problem(volume.array, summary.box)
    return [problem] if problem else []


def _map_problem(
    session: Session, user: User, map_id: str, pointer: str, summary: DatasetSummary
) -> Problem | None:
    try:
        stored = maps.get(session, map_id, user.id)
    except NotFoundError as error:
        return Problem(f"{error}: upload it first", pointer=pointer)
    if fits(stored.box, stored.voxel_size_angstrom, summary):
        return None
    return Problem(
        f"the map {stored.name} has a box of {stored.box} voxels of "
        f"{stored.voxel_size_angstrom:g} Å, the dataset one of {summary.box} voxels of "
        f"{summary.voxel_size_angstrom:g} Å: resample the map",
        pointer=pointer,
    )


def _job_problem(
    session: Session, user: User, start: JobStart, classes: int, summary: DatasetSummary
) -> Problem | None:
    try:
        job = jobs.get(session, start.job, user.id)
        made = iterations.get(session, job.id, start.iteration)
        retention.require_kept(session, job.id, made.number)
        other = datasets.get(session, job.dataset_id).summary
    except NotFoundError as error:
        return Problem(f"{error}", pointer="/start/job")
    if not fits(other.box, other.voxel_size_angstrom, summary):
        return Problem(
            f"the job {job.id} worked on a box of {other.box} voxels of "
            f"{other.voxel_size_angstrom:g} Å, this dataset has {summary.box} voxels of "
            f"{summary.voxel_size_angstrom:g} Å: choose a job on particles of the same size",
            pointer="/start/job",
        )
    has = int(job.spec.get("classes", 1))
    if has not in (1, classes):
        return Problem(
            f"the job {job.id} has {has} classes, this one {classes}: ask for {has} classes",
            pointer="/classes",
        )
    return None


def provenance_of(files: Files, dataset: Dataset) -> Provenance:
    """Which particles of which upload a dataset holds."""
    return read_provenance(files.dataset(dataset.id), dataset.summary)


def _poses_problem(
    session: Session, files: Files, user: User, start: PosesStart, spec: AnySpec
) -> Problem | None:
    try:
        job = jobs.get(session, str(start.job), user.id)
        made = iterations.get(session, job.id, start.iteration)
        retention.require_kept(session, job.id, made.number)
        posed, wanting = (datasets.get(session, of) for of in (job.dataset_id, spec.dataset))
    except NotFoundError as error:
        return Problem(f"{error}", pointer="/start/job")
    try:
        places_among(provenance_of(files, wanting), provenance_of(files, posed), job.id)
    except InputError as error:
        return error.problems[0]
    has, wanted = int(job.spec.get("classes", 1)), 1 if start.random_classes else spec.classes
    if has != wanted:
        remedy = "choose a job of one class" if start.random_classes else f"ask for {has}"
        if has == 1 and not start.random_classes:
            remedy += ", or deal the particles into classes at random with start.random_classes"
        return Problem(
            f"the poses of the job {job.id} are in {has} classes, this job has {spec.classes}: "
            f"{remedy}",
            pointer="/start/job" if start.random_classes else "/classes",
        )
    return None


def fits(box: int, voxel_size: float, summary: DatasetSummary) -> bool:
    """Whether volumes of a box and voxel size (Å) are of the size of a dataset's particles."""
    wanted = summary.voxel_size_angstrom
    return box == summary.box and abs(voxel_size - wanted) <= VOXEL_TOLERANCE * wanted
