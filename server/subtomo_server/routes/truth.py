"""The truth about simulated particles: their poses, classes and maps."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http.documents import StoredFile, StoredFiles
from subtomo_server.http.downloads import keepable, send_file
from subtomo_server.simulating.dataset import truth_file, truth_files
from subtomo_store.datasets import datasets

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.get("/{dataset_id}/truth", summary="Truth about simulated particles")
def files(store: NeedStore, user: NeedUser, dataset_id: str) -> StoredFiles:
    """True maps, true poses and a picture, once the dataset is ready; empty for other datasets."""
    with store.read() as session:
        datasets.get(session, dataset_id, user.id)
    found = truth_files(store.files.dataset(dataset_id))
    return StoredFiles(items=[StoredFile.model_validate(file) for file in found])


@router.get("/{dataset_id}/truth/{file}", summary="One file of the truth")
def download(
    store: NeedStore, user: NeedUser, request: Request, dataset_id: str, file: str
) -> Response:
    """Send ``true_poses.star`` (class 0 is junk), ``true_1.mrc`` ... or ``picture.png``."""
    with store.read() as session:
        dataset = datasets.get(session, dataset_id, user.id)
    path, record = truth_file(store.files.dataset(dataset.id), file)
    kept = f"{keepable(dataset.name) or dataset.id}_{record.name}"
    return send_file(request, path, record, kept, inline=path.suffix == ".png")
