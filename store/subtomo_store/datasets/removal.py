"""Removal of datasets: first the record, then the files, which frees the disk at once.

Whoever reads a file meanwhile reads on: its bytes go when the last reader closes it.
"""

from __future__ import annotations

from subtomo_store.database.engine import Store
from subtomo_store.datasets import datasets, uploads
from subtomo_store.datasets.stack import read_record
from subtomo_store.errors import ConflictError, StorageError
from subtomo_store.files import contents
from subtomo_store.files.data_folder import Files


def remove_dataset(store: Store, dataset_id: str, user_id: str) -> None:
    """Delete a dataset, its unfinished uploads and its files.

    Raises
    ------
    ConflictError
        If jobs use it, or a check runs.
    NotFoundError
        If the user has no such dataset.
    """
    with store.begin() as session:
        if datasets.get(session, dataset_id, user_id, "owner").status == "checking":
            raise ConflictError("the dataset is being checked: wait for the end, then delete it")
        digests = [file.sha256 for file in datasets.files(session, dataset_id)]
        coming = uploads.of_dataset(session, dataset_id)
        datasets.remove(session, dataset_id, user_id)
    digests += _packed(store.files, dataset_id)
    for upload_id in coming:
        store.files.incoming(upload_id).unlink(missing_ok=True)
    store.files.delete_dataset(dataset_id)
    contents.release(store.files, digests)


def _packed(files: Files, dataset_id: str) -> list[str]:
    """SHA-256 of what sealing wrote."""
    try:
        return list(read_record(files.dataset(dataset_id)).digests)
    except StorageError:
        return []  # never sealed
