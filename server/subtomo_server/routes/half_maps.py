"""Where, and in which directions, half maps agree."""

from __future__ import annotations

import io
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from subtomo_core.fourier.local_resolution import DEFAULT_CUTOFF, LocalResolution
from subtomo_server.deps.dependencies import NeedServices, NeedStore, NeedUser
from subtomo_server.http.displays import Side, send_display
from subtomo_server.http.downloads import MEDIA_TYPES, job_file_name, send_made
from subtomo_server.http.packing import packed
from subtomo_server.jobs.half_maps import (
    MaskedHalves,
    directional_document,
    local_document,
    masked,
    shown,
    shown_limits,
)
from subtomo_server.jobs.postprocessing import Halves
from subtomo_server.routes.postprocessing import NeedHalves
from subtomo_server.routes.results import NeedPlace
from subtomo_store.formats.mrc import write_volume

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
MaskId = Annotated[
    str | None, Query(description="Id of one of your maps; the job's own mask by default.")
]
Window = Annotated[
    float | None,
    Query(
        gt=0.0,
        le=10_000.0,
        description="Full width of the window at half its height, in Å; by default five times the "
        "resolution of the map, from eight voxels to half the box.",
    ),
]
Cutoff = Annotated[float, Query(ge=0.3, le=0.9, description="Of the local correlation.")]


def masked_of(
    store: NeedStore, user: NeedUser, halves: NeedHalves, mask: MaskId = None
) -> MaskedHalves:
    """Read the halves of the class that an address names, and the mask."""
    return masked(store, user, halves, mask)


NeedMasked = Annotated[MaskedHalves, Depends(masked_of)]


class Local(NamedTuple):
    """Local resolution of half maps, and at which correlation."""

    halves: Halves
    found: LocalResolution
    cutoff: float


def local_of(
    services: NeedServices,
    given: NeedMasked,
    window_angstrom: Window = None,
    cutoff: Cutoff = DEFAULT_CUTOFF,
) -> Local:
    """Find the resolution at each voxel, or what is kept of it."""
    found = services.half_maps.local(given, window_angstrom, cutoff)
    return Local(given.halves, found, cutoff)


NeedLocal = Annotated[Local, Depends(local_of)]


@router.get(
    "/iterations/{which}/classes/{k}/local_resolution.json", summary="Local resolution in numbers"
)
def local_json(local: NeedLocal) -> Response:
    """Quantiles of the resolution over the voxels within the mask at which one is told.

    `told_share` is their share. At others not even bands as coarse as the window agree.
    `shown_angstrom` are the ends of the scale of `local_resolution_display.mrc`.
    """
    return JSONResponse(local_document(local.found, local.cutoff))


@router.get(
    "/iterations/{which}/classes/{k}/local_resolution.mrc", summary="Resolution at each voxel"
)
def local_mrc(local: NeedLocal, place: NeedPlace) -> Response:
    """Send the resolution at each voxel in Å; `coarsest_angstrom` where none is told.

    It is that at which the correlation of both halves, band by band under a Gaussian window,
    falls below the cutoff.
    """
    target, halves = io.BytesIO(), local.halves
    write_volume(target, local.found.map, halves.voxel_size)
    name = job_file_name(halves.job, halves.iteration, f"class{place.cls}_local_resolution.mrc")
    return send_made(target.getvalue(), MEDIA_TYPES[".mrc"], name)


@router.get(
    "/iterations/{which}/classes/{k}/local_resolution_display.mrc",
    summary="Resolution at each voxel, to be looked at",
)
def local_display(request: Request, local: NeedLocal, side: Side = 64) -> Response:
    """Send it with 8 bits a voxel, on a grid of `side` voxels at the most.

    The least and the greatest value are those of `shown_angstrom`.
    """
    box = len(local.found.map)
    grid = shown(local.found, min(side, box))
    voxel_size = local.halves.voxel_size * box / len(grid)
    return send_display(request, grid, voxel_size, side, limits=shown_limits(local.found))


@router.get(
    "/iterations/{which}/classes/{k}/directional_fsc.json", summary="A class's FSC by direction"
)
def directional_json(request: Request, services: NeedServices, given: NeedMasked) -> Response:
    """FSC within cones of 20 degrees about 200 directions (x, y, z) of a hemisphere.

    Each has its curve and its resolution at 0.143; `finest` and `coarsest` are numbers of
    directions, from 0, about which resolutions are so. `sphericity` is that of the surface at
    FSC 0.5, `area_ratio` the least area under a curve over the greatest: below 0.5, unless by
    chance, the map is strongly anisotropic, which `warning` says in words.
    """
    document = directional_document(given, services.half_maps.directional(given))
    return packed(request, bytes(JSONResponse(document).body), MEDIA_TYPES[".json"], {})
