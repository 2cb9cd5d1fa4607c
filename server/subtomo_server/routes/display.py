"""What pages draw: averages in 8 bits, and directions of views."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from subtomo_core.orientation.directions import direction_histogram
from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http.displays import Side, send_display
from subtomo_server.http.downloads import quoted, unchanged
from subtomo_server.jobs.results import CLASS_MAPS, find_class_file
from subtomo_server.routes.results import NeedPlace
from subtomo_store.formats.volumes import read_volume
from subtomo_store.jobs.result_poses import POSES, own_poses

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])


@router.get("/iterations/{which}/classes/{k}/display.mrc", summary="An average, to be looked at")
def display(
    store: NeedStore, user: NeedUser, request: Request, place: NeedPlace, side: Side = 64
) -> Response:
    """Send the average with 8 bits a voxel, on a grid of `side` voxels at the most.

    The grid is made coarser in Fourier space. The scale of the densities is not kept.
    """
    found = find_class_file(store, user, place, CLASS_MAPS["map.mrc"])
    headers = {"etag": quoted(f"{found.record.sha256}-display-{side}")}
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    volume = read_volume(found.path)
    return send_display(request, volume.array, volume.voxel_size, side, headers=headers)


@router.get("/iterations/{which}/classes/{k}/directions.json", summary="Directions of views")
def directions(store: NeedStore, user: NeedUser, place: NeedPlace) -> Response:
    """Count the particles of a class in each cell of the sphere, 12 rows of 24.

    Rows are even steps of cos(`rlnAngleTilt`) from 1 to -1, columns even steps of `rlnAngleRot`
    from -180 degrees: all cells have one area. Junk is left out.
    """
    found = find_class_file(store, user, place, POSES)
    poses = own_poses(found.path.parent)
    rows = poses.counted & (poses.best_class == place.cls - 1)
    counts = direction_histogram(poses.best_rotation[rows])
    return JSONResponse({"particles": int(rows.sum()), "counts": counts.tolist()})
