"""The folder of a sealed dataset: its record, and how it appears."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from subtomo_store.datasets.checksums import CHECKSUMS
from subtomo_store.datasets.given_table import GIVEN
from subtomo_store.datasets.grouping import GROUPING
from subtomo_store.datasets.provenance import PROVENANCE
from subtomo_store.datasets.regions import REGIONS
from subtomo_store.datasets.stack import RECORD, TABLE, WEIGHTS, Record
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.errors import StorageError
from subtomo_store.files.whole import Written, measured, sync, sync_folder

SMALL = (GIVEN, GROUPING, CHECKSUMS, REGIONS, PROVENANCE, TABLE)


def bytes_needed(count: int, box: int, *, copied: bool, weighted: bool) -> int:
    """Bytes of the particles and weights that a dataset writes; ``copied`` where it has a stack."""
    planes = (box if copied else 0) + (box // 2 + 1 if weighted else 0)
    return 4 * count * box * box * planes


def check_space(target: Path, needed: int) -> None:
    """Refuse at once what would fill the disk an hour later.

    Raises
    ------
    StorageError
        With the bytes that are needed, and those that are free.
    """
    free = shutil.disk_usage(target).free
    if needed > free:
        raise StorageError(
            f"the disk is full: the dataset needs {needed / 1e9:.1f} GB, "
            f"{free / 1e9:.1f} GB are free"
        )


def write_record(target: Path, record: Record, share: Callable[[Path, Written], object]) -> None:
    """Write ``dataset.json`` for the files that lie in ``target``.

    Each large file is forced to the disk and told to ``share``; digests and sizes are added here.
    """
    digests = []
    for path in (target / PARTICLES, target / WEIGHTS):
        if path.exists():
            sync(path)
            written = measured(path)
            share(path, written)
            digests.append(written.sha256)
    small = [target / name for name in SMALL if (target / name).exists()]
    content = {
        "summary": record.summary.model_dump(mode="json"),
        "remarks": list(record.remarks),
        "stack": record.stack.model_dump(mode="json"),
        "digests": digests,
        "files": {path.name: measured(path).sha256 for path in small},
        "size_bytes": sum(path.stat().st_size for path in target.iterdir()),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True)
    (target / RECORD).write_text(text + "\n", encoding="utf-8")


def publish(temporary: Path, folder: Path) -> None:
    """Move everything into place, the record last: it alone makes the dataset exist."""
    for path in temporary.iterdir():
        sync(path)
    for name in (PARTICLES, WEIGHTS, *SMALL):
        if (temporary / name).exists():
            os.replace(temporary / name, folder / name)
    sync_folder(folder)
    os.replace(temporary / RECORD, folder / RECORD)
    sync_folder(folder)
