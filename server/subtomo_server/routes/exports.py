"""A job's result in the formats of other programs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http.archive import stream_zip
from subtomo_server.http.downloads import job_file_name, keepable, send_made
from subtomo_server.jobs.exports import Export, Grid, check_grid, load, map_back, placed_members
from subtomo_server.jobs.results import CLASS_MAPS, Found, find_class_file
from subtomo_server.routes.results import NeedPlace, Which
from subtomo_store.formats.dynamo_write import write_dynamo, write_table_map
from subtomo_store.formats.em import write_em
from subtomo_store.formats.posteriors import write_posteriors
from subtomo_store.formats.stopgap_write import write_motive_list
from subtomo_store.formats.volumes import read_volume

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"
Pixel = Annotated[
    float | None,
    Query(
        ge=0.1,
        le=1000.0,
        description="Å in one step of the table's coordinates; what the table says by default.",
    ),
]
Recentred = Annotated[
    bool,
    Query(description="Coordinates of the particles themselves, to cut boxes out anew."),
]
Size = Annotated[
    str,
    Query(pattern=r"^\d{1,5},\d{1,5},\d{1,5}$", description="The tomogram's voxels: x,y,z."),
]


def exported(
    store: NeedStore,
    user: NeedUser,
    job_id: str,
    which: Which,
    coordinate_pixel_size: Pixel = None,
) -> Export:
    """Read the iteration that an address names."""
    return load(store, user, job_id, which, coordinate_pixel_size)


NeedExport = Annotated[Export, Depends(exported)]


@router.get("/iterations/{which}/particles.tbl", summary="The poses as a Dynamo table")
def dynamo(export: NeedExport, recentred: Recentred = False) -> Response:
    """Write the best pose of each particle; `averaged` is 0 for junk.

    Tags are the numbers in the particles' file names, or else their rows.
    """
    target = io.BytesIO()
    write_dynamo(target, export.table, export.summary.missing, recentred=recentred)
    return _saved(target, TEXT, export.found, "particles.tbl")


@router.get("/iterations/{which}/tomograms.doc", summary="Which number is which tomogram")
def table_map(export: NeedExport) -> Response:
    """Write Dynamo's table map: the numbers of `particles.tbl` and `motive_list.star`."""
    target = io.BytesIO()
    write_table_map(target, export.table)
    return _saved(target, TEXT, export.found, "tomograms.doc")


@router.get("/iterations/{which}/motive_list.star", summary="The poses as STOPGAP's motive list")
def stopgap(export: NeedExport, recentred: Recentred = False) -> Response:
    """Write the best pose of each particle."""
    target = io.BytesIO()
    write_motive_list(target, export.table, recentred=recentred)
    return _saved(target, TEXT, export.found, "motive_list.star")


@router.get("/iterations/{which}/posteriors.npz", summary="Posteriors of classes and poses")
def posteriors(export: NeedExport) -> Response:
    """Write for each particle the posterior of each class and the best pose in it.

    `docs/formats.md` tells the arrays, their units and shapes.
    """
    table, target = export.table, io.BytesIO()
    kind = "correlation" if table.correlated else "log-likelihood"
    names = [image.text for image in table.images]
    write_posteriors(target, export.poses, names, export.summary.voxel_size_angstrom, kind)
    return _saved(target, BINARY, export.found, "posteriors.npz")


@router.get("/iterations/{which}/classes/{k}/map.em", summary="A class's average in EM format")
def class_em(store: NeedStore, user: NeedUser, place: NeedPlace) -> Response:
    """Write the average as the TOM toolbox, AV3, Dynamo and PyTom read it."""
    found = find_class_file(store, user, place, CLASS_MAPS["map.mrc"])
    volume, target = read_volume(found.path), io.BytesIO()
    write_em(target, volume.array, volume.voxel_size)
    return _saved(target, BINARY, found, f"class{place.cls}.em")


@router.get("/iterations/{which}/placed.zip", summary="Copies placed in their tomograms")
def placed(export: NeedExport) -> Response:
    """Send the averages with scripts for ChimeraX and ArtiaX, one of each for each tomogram."""
    name = job_file_name(export.found.job, export.found.iteration, "placed.zip")
    members = list(placed_members(export, name.removesuffix(".zip")))
    return _streamed(stream_zip(members), "application/zip", name)


@router.get("/iterations/{which}/map_back.mrc", summary="A tomogram full of averages")
def mapped_back(
    export: NeedExport,
    tomogram: Annotated[str, Query(description="Its name in the table.")],
    size: Size,
    voxel_size: Annotated[float | None, Query(ge=0.1, le=1000.0)] = None,
) -> Response:
    """Put the average of its class at each particle of a tomogram.

    `voxel_size` is the tomogram's in Å, at whatever binning; the particles' by default.
    """
    x, y, z = map(int, size.split(","))
    grid = Grid(tomogram, (x, y, z), voxel_size or export.summary.voxel_size_angstrom)
    check_grid(export, grid)
    export.table.centred()  # refuses a table without coordinates, before anything is sent
    rest = f"{keepable(tomogram) or 'tomogram'}_map_back.mrc"
    name = job_file_name(export.found.job, export.found.iteration, rest)
    return _streamed(map_back(export, grid), "application/x-mrc", name)


def _saved(content: io.BytesIO, media_type: str, found: Found, rest: str) -> Response:
    name = job_file_name(found.job, found.iteration, rest)
    return send_made(content.getvalue(), media_type, name)


def _streamed(pieces: Iterator[bytes], media_type: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
