"""A job's particles as a table, and datasets made of some of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from subtomo_core.errors import InputError, Problem
from subtomo_server.datasets.schemas import DatasetDocument
from subtomo_server.datasets.selections import (
    Choice,
    Origin,
    Sampling,
    chosen_rows,
    noted,
    sampled_box,
)
from subtomo_server.deps.dependencies import NeedServices, NeedStore, NeedUser
from subtomo_server.http.displays import Side, send_display
from subtomo_server.http.documents import Name
from subtomo_server.jobs.particle_rows import Column, Window, rows_document
from subtomo_server.jobs.particle_view import DETAIL_VOXELS, View, particle_view
from subtomo_server.jobs.results import PARTICLES, Found, find_file
from subtomo_server.routes.results import Which
from subtomo_store.datasets import datasets
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.jobs.result_poses import own_poses

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
LowPass = Annotated[
    float | None,
    Query(
        gt=0.0,
        le=10_000.0,
        description=f"Finest detail in Å; by default {DETAIL_VOXELS:g} voxels of the particle.",
    ),
]


class TableQuery(Choice):
    """Which particles are listed, in which order, from where on."""

    rows: None = None
    sort: Column = "row"
    descending: bool = False
    offset: Annotated[int, Query(ge=0)] = 0
    limit: Annotated[int, Query(ge=1, le=500)] = 50


class SelectionBody(Choice, Sampling):
    """Which particles become a dataset, how finely they are sampled, and its name."""

    name: Name
    group: str | None = None


def found_of(store: NeedStore, user: NeedUser, job_id: str, which: Which) -> Found:
    """Find the iteration that an address names."""
    return find_file(store, user, job_id, which, PARTICLES)


NeedFound = Annotated[Found, Depends(found_of)]


@router.get("/iterations/{which}/particles", summary="Particles as a table, page by page")
def table(store: NeedStore, found: NeedFound, query: Annotated[TableQuery, Query()]) -> Response:
    """List class, posterior, score and pose of each particle that meets the conditions.

    Angles are RELION's, of the best pose; `shift_angstrom` is where the particle lies from its
    box's centre. Junk is left out unless `junk` is true.
    """
    particles = StackParticles(store.files.dataset(found.job.dataset_id))
    window = Window(query.sort, query.descending, query.offset, query.limit)
    return JSONResponse(rows_document(found, particles, query, window))


@router.get(
    "/iterations/{which}/particles/{row}/display.mrc", summary="A particle, to be looked at"
)
def display(
    store: NeedStore,
    user: NeedUser,
    request: Request,
    found: NeedFound,
    row: int,
    *,
    aligned: bool = False,
    low_pass_angstrom: LowPass = None,
    side: Side = 64,
) -> Response:
    """Send one particle with 8 bits a voxel, low-passed, on a grid of `side` voxels at the most.

    As it lies, or `aligned` with its class's average, by its best pose. Rows count from 1. The
    dataset itself has to be yours to see.
    """
    with store.read() as session:
        dataset = datasets.get(session, found.job.dataset_id, user.id)
    particles = StackParticles(store.files.dataset(dataset.id))
    poses = own_poses(found.path.parent)
    shown = particle_view(particles, poses, row, View(aligned, low_pass_angstrom, side))
    return send_display(request, shown.volume, shown.voxel_size, side)


@router.post(
    "/iterations/{which}/selection", status_code=201, summary="Make a dataset of some particles"
)
def choose(
    services: NeedServices,
    user: NeedUser,
    response: Response,
    found: NeedFound,
    body: SelectionBody,
) -> DatasetDocument:
    """Copy the particles that meet the conditions into a new dataset of yours.

    The job's poses and classes become the particles' own: start a job on it from `poses`.
    Weights, missing regions, half sets and all columns of the table stay. With `binning` or `box`
    the particles and their weights are binned in Fourier space; a job on the finer dataset can
    start from the poses of one on the binned. The copy is made in the background: the dataset is
    `ready` when it is done.
    """
    sampling = Sampling(binning=body.binning, box=body.box)
    if not len(chosen_rows(own_poses(found.path.parent), body)):
        raise InputError(Problem("no particle meets these conditions: ask for less"))
    origin = Origin(found.job.id, found.iteration, found.job.dataset_id)
    with services.store.begin() as session:
        source = datasets.get(session, origin.dataset, user.id)
        box = sampled_box(sampling, source.summary.box)
        made = datasets.create(
            session,
            user_id=user.id,
            name=body.name,
            missing=source.summary.missing,
            voxel_size_angstrom=source.summary.voxel_size_angstrom * source.summary.box / box,
            dark_particles=source.dark_particles,
            selection=noted(origin, body, box),
            group=body.group,
        )
        made = datasets.start_check(session, made.id, user.id)
    services.checker.submit(made.id)
    response.headers["Location"] = f"/api/v1/datasets/{made.id}"
    return DatasetDocument.model_validate(made)
