"""Whether everything on the disk is still what was written: datasets, maps, results, uploads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from subtomo_core.errors import InputError
from subtomo_store.database.engine import Store
from subtomo_store.database.tables import DatasetFileRow, DatasetRow, FileRow, MapRow
from subtomo_store.datasets.checksums import CHECKSUMS, Summing, checksum, damage, read_checksums
from subtomo_store.datasets.stack import (
    RECORD,
    WEIGHTS,
    Record,
    StackParticles,
    read_record,
)
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.errors import StorageError
from subtomo_store.files.whole import measured, write_whole


class Finding(NamedTuple):
    """What was looked at, and what is wrong with it; ``damage`` is empty where nothing is.

    Attributes
    ----------
    kind : str
        ``dataset``, ``upload``, ``map`` or ``result``.
    name : str
        Of the thing, as a person finds it.
    damage : str
        In a sentence.
    unsummed : bool
        A dataset without checksums: damage that its files' digests do not show is not seen.
    """

    kind: str
    name: str
    damage: str = ""
    unsummed: bool = False


def verify(store: Store, *, add: bool = False) -> Iterator[Finding]:
    """Look at everything, one after the other; ``add`` gives old datasets their checksums.

    What is deleted meanwhile is no finding.
    """
    for dataset_id in _ids(store, DatasetRow.id, DatasetRow.status == "ready"):
        yield from _still_there(store, DatasetRow, dataset_id, _dataset(store, dataset_id, add))
    yield from _uploads(store)
    for map_id in _ids(store, MapRow.id):
        with store.read() as session:
            row = session.get(MapRow, map_id)
        if row is not None:
            found = Finding("map", map_id, _file(store.files.map(map_id), row.sha256))
            yield from _still_there(store, MapRow, map_id, found)
    yield from _results(store)


def _ids(store: Store, column: InstrumentedAttribute[str], *where: object) -> list[str]:
    with store.read() as session:
        return list(session.scalars(select(column).where(*where).order_by(column)))  # type: ignore[arg-type]


def _still_there(store: Store, table: type, key: object, found: Finding) -> Iterator[Finding]:
    if found.damage:
        with store.read() as session:
            if session.get(table, key) is None:
                return
    yield found


def _file(path: Path, sha256: str) -> str:
    """What is wrong with a file of which the digest is known."""
    try:
        found = measured(path).sha256
    except FileNotFoundError:
        return f"{path.name} is gone"
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror})"
    return "" if found == sha256 else f"{path.name} is not what was written"


def _dataset(store: Store, dataset_id: str, add: bool) -> Finding:
    folder = store.files.dataset(dataset_id)
    try:
        record = read_record(folder)
        wrong = [_file(folder / name, sha256) for name, sha256 in sorted(record.files.items())]
        if any(wrong):
            return Finding("dataset", dataset_id, "; ".join(filter(None, wrong)))
        particles = StackParticles(folder)
        if read_checksums(folder, len(particles), noted=CHECKSUMS in record.files):
            damaged = particles.damaged(range(len(particles)))
            return Finding(
                "dataset", dataset_id, str(damage(dataset_id, damaged)) if damaged else ""
            )
        large = [name for name in (PARTICLES, WEIGHTS) if (folder / name).exists()]
        if len(large) != len(record.digests):
            return Finding("dataset", dataset_id, "files of its particles are gone")
        pairs = zip(large, record.digests, strict=True)
        wrong = [_file(folder / name, sha256) for name, sha256 in pairs]
        if any(wrong):
            return Finding("dataset", dataset_id, "; ".join(filter(None, wrong)))
        if add:
            _add(folder, record, particles)
    except (StorageError, InputError) as error:
        return Finding("dataset", dataset_id, str(error))
    return Finding("dataset", dataset_id, unsummed=not add)


def _add(folder: Path, record: Record, particles: StackParticles) -> None:
    """Give a dataset, which its digests say is as it was, checksums from now on."""
    sums = Summing()
    for index in range(len(particles)):
        sums.particles.append(checksum(particles.stored(index)))
        weights = particles.weight(index)
        if weights is not None:
            sums.weights.append(checksum(weights))
    sums.write(folder)
    content = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    content["files"] = {**record.files, CHECKSUMS: measured(folder / CHECKSUMS).sha256}
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    write_whole(folder / RECORD, lambda file: file.write(text.encode()))


def _uploads(store: Store) -> Iterator[Finding]:
    """Files of datasets which are not sealed."""
    query = (
        select(DatasetFileRow.dataset_id, DatasetFileRow.name, DatasetFileRow.sha256)
        .join(DatasetRow, DatasetRow.id == DatasetFileRow.dataset_id)
        .where(DatasetRow.status.in_(("open", "rejected")), DatasetRow.source.is_(None))
        .order_by(DatasetFileRow.dataset_id, DatasetFileRow.name)
    )
    with store.read() as session:
        rows = session.execute(query).all()
    for dataset_id, name, sha256 in rows:
        wrong = _file(store.files.upload(dataset_id, name), sha256)
        found = Finding("upload", f"{dataset_id}/{name}", wrong)
        yield from _still_there(store, DatasetFileRow, (dataset_id, name), found)


def _results(store: Store) -> Iterator[Finding]:
    query = select(FileRow.job_id, FileRow.iteration, FileRow.name, FileRow.sha256).order_by(
        FileRow.job_id, FileRow.iteration, FileRow.name
    )
    with store.read() as session:
        rows = session.execute(query).all()
    for job_id, number, name, sha256 in rows:
        wrong = _file(store.files.iteration_file(job_id, number, name), sha256)
        found = Finding("result", f"{job_id}, iteration {number}, {name}", wrong)
        yield from _still_there(store, FileRow, (job_id, number, name), found)
