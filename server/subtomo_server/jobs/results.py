"""Which files an iteration has, and under which address and name they are handed out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from subtomo_server.http.archive import Member
from subtomo_server.http.downloads import require_stored
from subtomo_server.http.errors import NotStoredError
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import FileRecord, Iteration, Job
from subtomo_store.errors import GoneError
from subtomo_store.jobs import iterations, jobs

LAST = "last"
PARTICLES = "particles.star"
MATRIX = {form: f"dissimilarity.{form}" for form in ("npy", "mrc", "png")}
FSC = "fsc.json"
# Address within a class -> stored name.
CLASS_MAPS = {
    "map.mrc": "class_{k}.mrc",
    "half1.mrc": "class_{k}_half_1.mrc",
    "half2.mrc": "class_{k}_half_2.mrc",
}


class Place(NamedTuple):
    """A class of an iteration of a job: the iteration by number or ``last``, the class from 1."""

    job_id: str
    which: str
    cls: int


class Found(NamedTuple):
    """A stored file of a job: whose, where, and its size and SHA-256."""

    job: Job
    iteration: int
    path: Path
    record: FileRecord


def find_iteration(session: Session, user: User, job_id: str, which: str) -> tuple[Job, Iteration]:
    """Find a finished iteration by its number or ``last``.

    Raises
    ------
    NotStoredError, NotFoundError
        If there is none.
    """
    job = jobs.get(session, job_id, user.id)
    if which != LAST and not (which.isdecimal() and len(which) < 6):
        raise NotStoredError(f"There is no iteration '{which[:40]}': give its number, or 'last'.")
    return job, iterations.get(session, job.id, None if which == LAST else int(which))


def find_file(store: Store, user: User, job_id: str, which: str, name: str) -> Found:
    """Find a published file of an iteration.

    Raises
    ------
    GoneError
        If it is not on the disk any more.
    """
    with store.read() as session:
        job, iteration = find_iteration(session, user, job_id, which)
        record = iterations.file(session, job.id, iteration.number, name)
    path = store.files.iteration_file(job.id, iteration.number, name)
    require_stored(path, record, name)
    return Found(job, iteration.number, path, record)


def find_class_file(store: Store, user: User, place: Place, name: str) -> Found:
    """Find a file of one class; ``name`` may hold ``{k}``."""
    with store.read() as session:
        job = jobs.get(session, place.job_id, user.id)
    classes = int(job.spec.get("classes", 1))
    if not 1 <= place.cls <= classes:
        raise NotStoredError(
            f"The job has {classes} classes, counted from 1: there is no class {place.cls}."
        )
    return find_file(store, user, place.job_id, place.which, name.format(k=place.cls))


def archive_members(session: Session, store: Store, job: Job, stem: str) -> list[Member]:
    """List every file of the last finished iteration.

    Raises
    ------
    GoneError
        If one of them is not on the disk any more: an archive holds all or is none.
    """
    last = iterations.get(session, job.id)
    members = []
    for record in iterations.files(session, job.id, last.number):
        path = store.files.iteration_file(job.id, last.number, record.name)
        require_stored(path, record, record.name)
        members.append(Member(path, f"{stem}/{record.name}"))
    return members


def missing_files(session: Session, store: Store, job: Job, number: int) -> list[str]:
    """Names of an iteration's files which are not on the disk any more, or not whole."""
    found = []
    for record in iterations.files(session, job.id, number):
        try:
            require_stored(
                store.files.iteration_file(job.id, number, record.name), record, record.name
            )
        except GoneError:
            found.append(record.name)
    return found


def class_curve(path: Path, cls: int) -> dict[str, Any]:
    """One class's curves out of ``fsc.json``, over shells, resolutions (Å), frequencies (1/Å).

    ``fsc`` is the corrected one, which tells the resolution; ``curves`` holds what it is made of.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotStoredError(f"The FSC of this iteration cannot be read: {error}.") from error
    extent = document["box"] * document["voxel_size_angstrom"]
    curves = document.pop("classes")[cls - 1]
    return {
        "class": cls,
        **document,
        "frequency_per_angstrom": [shell / extent for shell in document["shells"]],
        "fsc": curves.pop("corrected"),
        "curves": curves,
    }
