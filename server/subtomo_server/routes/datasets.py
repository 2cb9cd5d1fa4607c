"""Datasets: make, fill with files, have checked, look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from subtomo_server.auth.accounts import check_still_valid
from subtomo_server.datasets.preview import preview_png
from subtomo_server.datasets.schemas import (
    DatasetChanges,
    DatasetDocument,
    DatasetPage,
    NewDataset,
    RegionProposal,
)
from subtomo_server.datasets.sources import allowed_source
from subtomo_server.deps.dependencies import (
    Cursor,
    Limit,
    NeedServices,
    NeedSignIn,
    NeedStore,
    NeedUser,
    Services,
)
from subtomo_server.deps.waiting import wait_for, wanted_wait
from subtomo_server.http.bodies import receive_file
from subtomo_server.http.documents import StoredFile, StoredFiles
from subtomo_server.http.downloads import unchanged
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Dataset, DatasetStatus
from subtomo_store.datasets import datasets, removal
from subtomo_store.datasets.filing import Arrival, file_in, take_out
from subtomo_store.datasets.proposals import Head, proposed
from subtomo_store.errors import ConflictError
from subtomo_store.files.data_folder import WholeFile, Written
from subtomo_store.people import quotas
from subtomo_store.people.access import SignIn

router = APIRouter(prefix="/datasets", tags=["datasets"])
_BYTES: dict[str, Any] = {
    "requestBody": {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }
}
EXAMPLES: dict[str, Any] = {
    "single-axis tilt series": {
        "value": {
            "name": "GroEL, grid 3",
            "missing": {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60, "axis": "y"},
        }
    },
    "tilt ranges by tomogram": {
        "value": {
            "name": "GroEL, both grids",
            "missing": {
                "kind": "by_name",
                "by": "tomogram",
                "regions": {
                    "TS_01": {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60},
                    "TS_02": {"kind": "wedge", "tilt_min_deg": -52, "tilt_max_deg": 66},
                },
            },
        }
    },
    "weights with each particle": {
        "value": {"name": "ribosomes", "missing": {"kind": "weights"}, "dark_particles": True}
    },
    "simulated particles": {
        "value": {
            "name": "trial",
            "simulation": {"structures": ["complex:D7"], "form": "sums", "snr": 0.1},
        }
    },
}


@router.post("", status_code=201, summary="Make a dataset")
def create(
    store: NeedStore,
    user: NeedUser,
    response: Response,
    new: Annotated[NewDataset, Body(openapi_examples=EXAMPLES)],
) -> DatasetDocument:
    """Make an empty dataset; upload files into it next, then seal it."""
    source = allowed_source(store.settings, new.source)
    recipe = new.simulation
    with store.begin() as session:
        made = datasets.create(
            session,
            user_id=user.id,
            name=new.name,
            missing=recipe.missing if recipe else new.missing,
            voxel_size_angstrom=new.voxel_size_angstrom,
            dark_particles=new.dark_particles,
            source=str(source) if source else None,
            simulation=recipe.model_dump(mode="json") if recipe else None,
            group=new.group,
        )
    response.headers["Location"] = f"/api/v1/datasets/{made.id}"
    return DatasetDocument.model_validate(made)


@router.get("", summary="List datasets, newest first")
def list_page(
    *,
    store: NeedStore,
    user: NeedUser,
    status: Annotated[DatasetStatus | None, Query()] = None,
    name: Annotated[str | None, Query(description="Only datasets of just this name.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DatasetPage:
    """Your datasets and your groups'; pass ``cursor`` on for the next page."""
    with store.read() as session:
        page = datasets.page(session, user.id, status=status, name=name, limit=limit, cursor=cursor)
    return DatasetPage.model_validate(page, from_attributes=True)


@router.post(
    "/propose-region",
    summary="Missing region that a table tells of",
    openapi_extra=_BYTES,
)
async def propose_region(
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=1000, description="The file's name.")],
    whole: Annotated[bool, Query(description="Whether the body is all of the file.")] = True,
) -> RegionProposal:
    """Read the beginning of a table (STAR, Dynamo, PyTom), up to 1 MiB; nothing is kept.

    Weights that a STAR file names, tilts that a Dynamo table or a PyTom list tells. The check of
    the dataset compares what was chosen with the whole table.
    """
    head = Head(name, await request.body(), whole=whole)
    found = await run_in_threadpool(proposed, head)
    if found is None:
        return RegionProposal(missing=None, reason=None)
    return RegionProposal(missing=found.region.model_dump(mode="json"), reason=found.reason)


@router.get("/{dataset_id}", summary="One dataset")
async def get(
    services: NeedServices, sign_in: NeedSignIn, request: Request, dataset_id: str
) -> DatasetDocument:
    """Status, size and problems; ``Prefer: wait=N`` waits for the end of a check."""
    return await _when_checked(services, sign_in, dataset_id, wanted_wait(request))


@router.patch("/{dataset_id}", summary="Change a dataset")
def change(
    store: NeedStore, user: NeedUser, dataset_id: str, changes: DatasetChanges
) -> DatasetDocument:
    """Give the dataset another name, or hand it to a group; its jobs stay where they are.

    Until it is ready its missing region, voxel size and contrast can change, too.
    """
    with store.begin() as session:
        changed = datasets.change(
            session,
            dataset_id,
            user.id,
            name=changes.name,
            missing=changes.missing,
            voxel_size_angstrom=changes.voxel_size_angstrom,
            dark_particles=changes.dark_particles,
        )
        if "group" in changes.model_fields_set:
            changed = datasets.move_to_group(session, dataset_id, user.id, changes.group)
    return DatasetDocument.model_validate(changed)


@router.delete("/{dataset_id}", status_code=204, summary="Delete a dataset and its files")
def delete(store: NeedStore, user: NeedUser, dataset_id: str) -> None:
    """Delete the dataset; refused while jobs use it or a check runs."""
    removal.remove_dataset(store, dataset_id, user.id)


@router.get("/{dataset_id}/files", summary="Files of a dataset")
def files(store: NeedStore, user: NeedUser, dataset_id: str) -> StoredFiles:
    """Everything uploaded so far, with size and SHA-256."""
    with store.read() as session:
        datasets.get(session, dataset_id, user.id)
        stored = datasets.files(session, dataset_id)
    return StoredFiles(items=[StoredFile.model_validate(file) for file in stored])


@router.put(
    "/{dataset_id}/files/{name:path}",
    summary="Upload one file",
    openapi_extra=_BYTES,
)
async def put_file(
    store: NeedStore, user: NeedUser, request: Request, dataset_id: str, name: str
) -> StoredFile:
    """Store the raw body as one file (``curl -T``); a second upload replaces the first.

    With ``Upload-Checksum: sha256 DIGEST`` or ``Content-Digest: sha-256=:BASE64:`` a body
    which was damaged on its way is refused. For many gigabytes use a resumable upload.
    """
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else 0
    path = await run_in_threadpool(_upload_path, store, user, dataset_id, name, size)

    def accept(whole: WholeFile, written: Written) -> None:
        file_in(store, dataset_id, name, Arrival(whole.temporary, written))

    written = await receive_file(request, path, accept)
    return StoredFile(name=name, size=written.size, sha256=written.sha256)


@router.delete("/{dataset_id}/files/{name:path}", status_code=204, summary="Remove one file")
def remove_file(store: NeedStore, user: NeedUser, dataset_id: str, name: str) -> None:
    """Take a file out of a dataset that is not ready yet."""
    with store.read() as session:
        datasets.get(session, dataset_id, user.id, "editor")
    take_out(store, dataset_id, name)


@router.post("/{dataset_id}/seal", status_code=202, summary="Check everything and close")
async def seal(
    services: NeedServices,
    sign_in: NeedSignIn,
    request: Request,
    response: Response,
    dataset_id: str,
) -> DatasetDocument:
    """Have shapes, voxels, sizes and STAR columns checked: ends ``ready`` or ``rejected``.

    The check runs in the background. ``Prefer: wait=N`` waits for it; otherwise ask again.
    """
    await run_in_threadpool(_start_check, services, sign_in.user, dataset_id)
    document = await _when_checked(services, sign_in, dataset_id, wanted_wait(request))
    if document.status != "checking":
        response.status_code = 200
    return document


@router.get("/{dataset_id}/preview.png", summary="Slices of the first particles")
def preview(store: NeedStore, user: NeedUser, request: Request, dataset_id: str) -> Response:
    """Central slices of the first particles, and of the mean of up to 64, as one picture."""
    with store.read() as session:
        dataset = datasets.get(session, dataset_id, user.id)
    if dataset.status != "ready" or dataset.sealed is None:
        raise ConflictError(
            f"The dataset is {dataset.status}: there is a preview once it is ready."
        )
    headers = {"etag": f'"{dataset.id}-{dataset.sealed.timestamp():.0f}"'}
    if unchanged(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    picture = preview_png(store.files.dataset(dataset.id))
    return Response(picture, media_type="image/png", headers=headers)


def _start_check(services: Services, user: User, dataset_id: str) -> None:
    with services.store.begin() as session:
        dataset = datasets.get(session, dataset_id, user.id, "editor")
        if dataset.status in ("checking", "ready"):
            return  # asked twice: the first one counts
        datasets.start_check(session, dataset_id, user.id)
    services.checker.submit(dataset_id)


async def _when_checked(
    services: Services, sign_in: SignIn, dataset_id: str, seconds: float
) -> DatasetDocument:
    def look(session: Session) -> Dataset:
        check_still_valid(session, sign_in)
        return datasets.get(session, dataset_id, sign_in.user.id)

    dataset = await wait_for(services, look, lambda found: found.status != "checking", seconds)
    return DatasetDocument.model_validate(dataset)


def _upload_path(store: Store, user: User, dataset_id: str, name: str, size: int) -> Path:
    """Where a file will stand; refused at once if there is no room for it."""
    path = store.files.upload(dataset_id, name)
    with store.begin() as session:
        dataset = datasets.get(session, dataset_id, user.id, "editor")
        datasets.expect_open(dataset)
        before = sum(f.size for f in datasets.files(session, dataset_id) if f.name == name)
        quotas.check(session, dataset.user_id, store.settings, more=max(0, size - before))
    return path
