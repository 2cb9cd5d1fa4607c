"""A job's averages and classes beside those of another one."""

from __future__ import annotations

import io
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from subtomo_server.deps.dependencies import NeedServices, NeedStore, NeedUser
from subtomo_server.http.displays import Side, send_display
from subtomo_server.http.downloads import MEDIA_TYPES, job_file_name, send_made
from subtomo_server.jobs.comparing import Compared, changes_document, comparison_document
from subtomo_server.jobs.results import (
    CLASS_MAPS,
    PARTICLES,
    Found,
    Place,
    find_class_file,
    find_file,
)
from subtomo_server.routes.results import NeedPlace, Which
from subtomo_store.formats.mrc import write_volume

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
With = Annotated[str, Query(alias="with", description="Id of the other job, or of this one.")]
Mirror = Annotated[bool, Query(description="Whether to try the other map's mirror image too.")]
WithIteration = Annotated[
    str, Query(alias="with_iteration", description="Of the other job: its number, or `last`.")
]


class Other(NamedTuple):
    """An iteration of another job: the id, and the iteration's number or ``last``."""

    job_id: str
    which: str


def other_of(other: With, iteration: WithIteration = "last") -> Other:
    """Read the other job's iteration out of the query."""
    return Other(other, iteration)


NeedOther = Annotated[Other, Depends(other_of)]


class Pair(NamedTuple):
    """Another job's average on one of this job."""

    here: Found
    there: Found
    compared: Compared


def compared(
    services: NeedServices,
    user: NeedUser,
    place: NeedPlace,
    other: NeedOther,
    *,
    other_class: Annotated[int, Query(alias="with_class")] = 1,
    mirror: Mirror = False,
) -> Pair:
    """Find the two averages that an address names, and bring the other one onto this job's."""
    store = services.store
    here = find_class_file(store, user, place, CLASS_MAPS["map.mrc"])
    elsewhere = Place(other.job_id, other.which, other_class)
    there = find_class_file(store, user, elsewhere, CLASS_MAPS["map.mrc"])
    return Pair(here, there, services.comparer.compare(there, here, try_mirror=mirror))


NeedPair = Annotated[Pair, Depends(compared)]


@router.get("/iterations/{which}/classes/{k}/compared.json", summary="Two averages in one frame")
def compared_json(pair: NeedPair) -> Response:
    """Tell how another average lies on this one, and their Fourier shell correlation.

    The fit is rigid. `rotation` and `shift_angstrom` (x, y, z) move the other map, after it is
    mirrored along z where `mirrored`. The FSC and the correlation are those within a soft sphere
    about this map; two jobs on the same particles share their noise.
    """
    return JSONResponse(comparison_document(pair.compared))


@router.get("/iterations/{which}/classes/{k}/compared.mrc", summary="The other average, moved")
def compared_mrc(pair: NeedPair) -> Response:
    """Send the other average as it lies on this one."""
    target, place = io.BytesIO(), pair.here
    write_volume(target, pair.compared.comparison.fit.map, pair.compared.voxel_size)
    name = job_file_name(pair.there.job, pair.there.iteration, f"on_{place.job.id}.mrc")
    return send_made(target.getvalue(), MEDIA_TYPES[".mrc"], name)


@router.get(
    "/iterations/{which}/classes/{k}/compared_display.mrc",
    summary="The other average, moved, to be looked at",
)
def compared_display(request: Request, pair: NeedPair, side: Side = 64) -> Response:
    """Send it with 8 bits a voxel, on a grid of `side` voxels at the most."""
    moved = pair.compared.comparison.fit.map
    return send_display(request, moved, pair.compared.voxel_size, side)


@router.get("/iterations/{which}/changed.json", summary="Particles in other classes")
def changed(
    store: NeedStore,
    user: NeedUser,
    job_id: str,
    which: Which,
    other: NeedOther,
) -> Response:
    """Count the particles of each class (rows) in each class of another job (columns).

    Junk is the last row and column. `partner` is the other job's class that stands for each
    one, one to one; `changed` counts particles outside of it, and `rows` are up to 1000 of them,
    counted from 1. Both jobs have the same dataset.
    """
    here = find_file(store, user, job_id, which, PARTICLES)
    there = find_file(store, user, other.job_id, other.which, PARTICLES)
    return JSONResponse(changes_document(here, there))
