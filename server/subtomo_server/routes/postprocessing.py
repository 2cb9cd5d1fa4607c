"""Sharpened averages, and masks drawn from averages."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from subtomo_core.spec.strict import Strict
from subtomo_server.datasets.schemas import MapDocument
from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http.displays import Side, send_display
from subtomo_server.http.documents import Name
from subtomo_server.http.downloads import MEDIA_TYPES, job_file_name, send_made
from subtomo_server.jobs.postprocessing import (
    Halves,
    MaskRequest,
    make_mask,
    plot_document,
    plot_of,
    processed,
    read_halves,
)
from subtomo_server.routes.results import NeedPlace
from subtomo_store.formats.mrc import write_volume

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
BFactor = Annotated[
    float | None,
    Query(
        ge=-5000.0,
        le=5000.0,
        description="In Å^2, negative to sharpen; the Guinier plot's by default, else 0.",
    ),
]


class MaskBody(Strict):
    """A mask about what of an average lies above a level."""

    name: Name
    level: Annotated[float, Field(ge=-10.0, le=1000.0, description="Sigma above the mean.")]
    extend_angstrom: Annotated[float, Field(ge=0.0, le=500.0)] = 0.0
    edge_angstrom: Annotated[float, Field(ge=0.0, le=500.0)] = 20.0
    group: str | None = None


def halves_of(store: NeedStore, user: NeedUser, place: NeedPlace) -> Halves:
    """Read the halves of the class that an address names."""
    return read_halves(store, user, place)


NeedHalves = Annotated[Halves, Depends(halves_of)]


@router.get("/iterations/{which}/classes/{k}/guinier.json", summary="A class's Guinier plot")
def guinier_json(halves: NeedHalves) -> Response:
    """Logarithms of the amplitudes over 1/d^2, and the B-factor that they tell.

    The B-factor is fitted from 10 Å to the resolution (FSC 0.143), and null where too few shells
    lie between.
    """
    return JSONResponse(plot_document(plot_of(halves)))


@router.get("/iterations/{which}/classes/{k}/sharpened.mrc", summary="A sharpened average")
def sharpened_mrc(halves: NeedHalves, place: NeedPlace, b_factor: BFactor = None) -> Response:
    """Send the mean of both halves, weighted by their FSC, sharpened, cut at its resolution."""
    target = io.BytesIO()
    write_volume(target, processed(halves, b_factor), halves.voxel_size)
    name = job_file_name(halves.job, halves.iteration, f"class{place.cls}_sharpened.mrc")
    return send_made(target.getvalue(), MEDIA_TYPES[".mrc"], name)


@router.get(
    "/iterations/{which}/classes/{k}/sharpened_display.mrc",
    summary="A sharpened average, to be looked at",
)
def sharpened_display(
    request: Request, halves: NeedHalves, b_factor: BFactor = None, side: Side = 64
) -> Response:
    """Send it with 8 bits a voxel, on a grid of `side` voxels at the most."""
    return send_display(request, processed(halves, b_factor), halves.voxel_size, side)


@router.post(
    "/iterations/{which}/classes/{k}/mask", status_code=201, summary="Draw a mask from an average"
)
def draw_mask(
    store: NeedStore, user: NeedUser, response: Response, place: NeedPlace, body: MaskBody
) -> MapDocument:
    """Keep a mask among your maps, for a job's `mask`: 1 where the average is above the level.

    Small pieces are left out. The mask is extended, and falls off over its soft edge.
    """
    request = MaskRequest(
        body.name, body.level, body.extend_angstrom, body.edge_angstrom, body.group
    )
    made = make_mask(store, user, place, request)
    response.headers["Location"] = f"/api/v1/maps/{made.id}"
    return MapDocument.model_validate(made)
