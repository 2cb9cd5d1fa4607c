"""What a job has made: iterations, averages, curves, poses."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy.orm import Session

from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http.archive import stream_zip
from subtomo_server.http.documents import StoredFile
from subtomo_server.http.downloads import job_file_name, quoted, send_file, send_made, unchanged
from subtomo_server.jobs.fsc_formats import fsc_star, fsc_xml
from subtomo_server.jobs.results import (
    CLASS_MAPS,
    FSC,
    MATRIX,
    PARTICLES,
    Found,
    Place,
    archive_members,
    class_curve,
    find_class_file,
    find_file,
    find_iteration,
)
from subtomo_server.jobs.schemas import IterationDocument, IterationList
from subtomo_store.database.records import Iteration
from subtomo_store.formats.pictures import slices_png
from subtomo_store.formats.volumes import read_volume
from subtomo_store.jobs import iterations, jobs

router = APIRouter(prefix="/jobs/{job_id}", tags=["results"])
Which = Annotated[str, Path(description="The iteration's number, or `last`.")]
Cls = Annotated[int, Path(alias="k", description="The class, counted from 1.")]


def place_of(job_id: str, which: Which, cls: Cls) -> Place:
    """Read a class's place out of the address."""
    return Place(job_id, which, cls)


NeedPlace = Annotated[Place, Depends(place_of)]


@router.get("/iterations", summary="All finished iterations")
def list_all(store: NeedStore, user: NeedUser, job_id: str) -> IterationList:
    """Metrics of each finished iteration, from the survey (0) on."""
    with store.read() as session:
        job = jobs.get(session, job_id, user.id)
        items = [_document(session, item) for item in iterations.published(session, job.id)]
    return IterationList(items=items)


@router.get("/iterations/{which}", summary="One finished iteration")
def get(store: NeedStore, user: NeedUser, job_id: str, which: Which) -> IterationDocument:
    """Class shares, resolution, noise, change of poses and seconds; and its files."""
    with store.read() as session:
        _, iteration = find_iteration(session, user, job_id, which)
        return _document(session, iteration, with_files=True)


@router.get("/iterations/{which}/particles.star", summary="Poses and classes of all particles")
def particles(
    store: NeedStore, user: NeedUser, request: Request, job_id: str, which: Which
) -> Response:
    """Send the particles as RELION 5 reads them.

    The table which was uploaded with every column and block, row by row: angles, origins,
    classes, scores and, with half sets, `rlnRandomSubset` are the job's.
    """
    return _send(request, find_file(store, user, job_id, which, PARTICLES), PARTICLES)


@router.get("/iterations/{which}/dissimilarity.npy", summary="How unlike all particles are")
def matrix_npy(
    store: NeedStore, user: NeedUser, request: Request, job_id: str, which: Which
) -> Response:
    """Send the matrix of all pairs, which jobs of the algorithm `pairwise` have, as NumPy's NPY.

    Rows and columns are the particles in their order. In iteration 0 they are compared as they
    lie, later at the best pose of each pair.
    """
    return _send(request, find_file(store, user, job_id, which, MATRIX["npy"]), MATRIX["npy"])


@router.get("/iterations/{which}/dissimilarity.mrc", summary="The same as an MRC image")
def matrix_mrc(
    store: NeedStore, user: NeedUser, request: Request, job_id: str, which: Which
) -> Response:
    """Send the matrix of all pairs as one image."""
    return _send(request, find_file(store, user, job_id, which, MATRIX["mrc"]), MATRIX["mrc"])


@router.get("/iterations/{which}/dissimilarity.png", summary="The same as a picture")
def matrix_png(
    store: NeedStore, user: NeedUser, request: Request, job_id: str, which: Which
) -> Response:
    """Draw it in the order of the dendrogram, with the clusters framed; dark is alike."""
    found = find_file(store, user, job_id, which, MATRIX["png"])
    return _send(request, found, MATRIX["png"], inline=True)


@router.get("/iterations/{which}/classes/{k}/map.mrc", summary="A class's average")
def class_map(store: NeedStore, user: NeedUser, request: Request, place: NeedPlace) -> Response:
    """Send the average as MRC; ranges are honoured."""
    found = find_class_file(store, user, place, CLASS_MAPS["map.mrc"])
    return _send(request, found, f"class{place.cls}.mrc")


@router.get("/iterations/{which}/classes/{k}/half1.mrc", summary="First half's average")
def half_1(store: NeedStore, user: NeedUser, request: Request, place: NeedPlace) -> Response:
    """Send the average of one half of the particles."""
    found = find_class_file(store, user, place, CLASS_MAPS["half1.mrc"])
    return _send(request, found, f"class{place.cls}_half1.mrc")


@router.get("/iterations/{which}/classes/{k}/half2.mrc", summary="Second half's average")
def half_2(store: NeedStore, user: NeedUser, request: Request, place: NeedPlace) -> Response:
    """Send the average of the other particles."""
    found = find_class_file(store, user, place, CLASS_MAPS["half2.mrc"])
    return _send(request, found, f"class{place.cls}_half2.mrc")


@router.get("/iterations/{which}/classes/{k}/slices.png", summary="Slices of a class's average")
def slices(store: NeedStore, user: NeedUser, request: Request, place: NeedPlace) -> Response:
    """Draw the three central slices: xy, xz, yz."""
    found = find_class_file(store, user, place, CLASS_MAPS["map.mrc"])
    headers = {"etag": quoted(f"{found.record.sha256}-slices")}
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    volume = read_volume(found.path)
    return Response(slices_png(volume.array), media_type="image/png", headers=headers)


@router.get("/iterations/{which}/classes/{k}/fsc.json", summary="A class's FSC curve")
def curve_json(store: NeedStore, user: NeedUser, place: NeedPlace) -> Response:
    """Frequencies (1/Å), corrected values, what they are made of, and what the halves shared."""
    found = find_class_file(store, user, place, FSC)
    return JSONResponse(class_curve(found.path, place.cls))


@router.get("/iterations/{which}/classes/{k}/fsc.star", summary="The FSC as RELION's STAR")
def curve_star(store: NeedStore, user: NeedUser, place: NeedPlace) -> Response:
    """Write the curve as a RELION STAR file."""
    found = find_class_file(store, user, place, FSC)
    text = fsc_star(class_curve(found.path, place.cls))
    return _saved(text.encode(), "text/plain", found, f"class{place.cls}_fsc.star")


@router.get("/iterations/{which}/classes/{k}/fsc.xml", summary="The FSC as EMDB's XML")
def curve_xml(store: NeedStore, user: NeedUser, place: NeedPlace) -> Response:
    """Write the curve as EMDB takes it with a deposition."""
    found = find_class_file(store, user, place, FSC)
    title = f"{found.job.name or found.job.id}, class {place.cls}"
    return _saved(
        fsc_xml(class_curve(found.path, place.cls), title),
        "application/xml",
        found,
        f"class{place.cls}_fsc.xml",
    )


@router.get("/archive.zip", summary="Everything of the last iteration in one file")
def archive(store: NeedStore, user: NeedUser, job_id: str) -> Response:
    """Send the last finished iteration's files as a ZIP, made while it is sent."""
    with store.read() as session:
        job = jobs.get(session, job_id, user.id)
        name = job_file_name(job, iterations.get(session, job.id).number, "results.zip")
        members = archive_members(session, store, job, name.removesuffix(".zip"))
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(stream_zip(members), media_type="application/zip", headers=headers)


def _send(request: Request, found: Found, rest: str, *, inline: bool = False) -> Response:
    name = job_file_name(found.job, found.iteration, rest)
    return send_file(request, found.path, found.record, name, inline=inline)


def _saved(content: bytes, media_type: str, found: Found, rest: str) -> Response:
    name = job_file_name(found.job, found.iteration, rest)
    return send_made(content, media_type, name)


def _document(
    session: Session, iteration: Iteration, *, with_files: bool = False
) -> IterationDocument:
    files = iterations.files(session, iteration.job_id, iteration.number) if with_files else []
    return IterationDocument(
        number=iteration.number,
        metrics=iteration.metrics or {},
        started=iteration.started,
        finished=iteration.finished,
        seconds=iteration.seconds,
        files=[StoredFile.model_validate(file) for file in files],
    )
