"""From uploaded files to a dataset that jobs can read: checked, packed, or refused whole."""

from __future__ import annotations

import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec import DatasetSummary, MissingRegion
from subtomo_store.checking import check_boxes, common_voxel_size, located
from subtomo_store.errors import StorageError
from subtomo_store.files import storage_error, temporary_beside
from subtomo_store.formats.mrc import MrcVolumes, check_finite, volume_header
from subtomo_store.formats.star import ParticleRows, write_particles
from subtomo_store.intake import Headers, Intake, Place, Problems, Source, take_in
from subtomo_store.stack import PARTICLES, RECORD, TABLE, WEIGHTS, read_record
from subtomo_store.weights import half_weights
from subtomo_store.whole import sync, sync_folder

UPLOADS = "uploads"
OPEN_AT_ONCE = 8

Progress = Callable[[int, int], None]


def seal(
    folder: Path,
    missing: MissingRegion,
    voxel_size: float | None = None,
    dark_particles: bool = False,
    progress: Progress | None = None,
) -> DatasetSummary:
    """Check what was uploaded into ``folder/uploads`` and pack it into a dataset.

    Writes ``particles.mrcs``, ``weights.npy`` (missing region ``mask`` only),
    ``particles.star`` and, last, ``dataset.json``; then the uploads go. A kill at any time
    leaves either the uploads, from which sealing starts again, or the complete dataset. Memory
    does not grow with the number of particles.

    Weights named by ``rlnCtfImage`` are read for the missing region ``mask`` only; beside a
    region given by a formula they are left out, with a remark in ``dataset.json``.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    missing : MissingRegion
        Which part of Fourier space the particles lack.
    voxel_size : float, optional
        In ångström; from the STAR file or the headers by default.
    dark_particles : bool
        Whether protein is dark in the files.
    progress : callable, optional
        Called with the particles done and their number; may raise to stop.

    Raises
    ------
    InputError
        With every problem found, at most a hundred.
    StorageError
        If the disk refuses.
    """
    if not (folder / RECORD).exists():
        temporary = temporary_beside(folder / "sealing")
        try:
            temporary.mkdir(parents=True)
            summary, intake = _pack(
                folder / UPLOADS, temporary, missing, voxel_size, progress=progress
            )
            _describe(
                temporary, intake, summary.model_copy(update={"dark_particles": dark_particles})
            )
            _publish(temporary, folder)
        except OSError as error:
            raise storage_error("the dataset could not be written", error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder / UPLOADS, ignore_errors=True)
    return read_record(folder).summary


def _pack(
    uploads: Path,
    target: Path,
    missing: MissingRegion,
    voxel_size: float | None,
    *,
    progress: Progress | None,
) -> tuple[DatasetSummary, Intake]:
    """Check everything and write the stacks of particles and weights."""
    problems = Problems()
    intake = take_in(uploads, missing.kind == "mask", problems)
    headers = Headers(uploads, problems)
    box, good = check_boxes(intake, headers, problems)
    size = common_voxel_size(intake, headers, voxel_size, problems)
    if box:
        _check_space(target, len(good), box, weighted=missing.kind == "mask")
        with _Volumes(uploads, target) as volumes:
            packer = _Packer(volumes, intake.star, problems, progress)
            packer.write(target, good, volume_header((box, box, box), size, len(good)))
    problems.raise_all()
    summary = DatasetSummary(
        particles=len(intake.sources),
        box=box,
        voxel_size_angstrom=size,
        missing=missing,
    )
    return summary, intake


def _describe(target: Path, intake: Intake, summary: DatasetSummary) -> None:
    """Write the particle table and the record."""
    write_particles(target / TABLE, _rows(intake, summary))
    record = {"summary": summary.model_dump(mode="json"), "remarks": intake.remarks}
    text = json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True)
    (target / RECORD).write_text(text + "\n", encoding="utf-8")


def _check_space(target: Path, count: int, box: int, *, weighted: bool) -> None:
    """Refuse at once what would fill the disk an hour later."""
    needed = 4 * count * box * box * (box + (box // 2 + 1 if weighted else 0))
    free = shutil.disk_usage(target).free
    if needed > free:
        raise StorageError(
            f"the disk is full: the dataset needs {needed / 1e9:.1f} GB, "
            f"{free / 1e9:.1f} GB are free"
        )


def _write_npy_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    npy.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _checked(volumes: _Volumes, place: Place) -> NDArray[np.float32]:
    array = volumes.read(place)
    check_finite(array, place.file)
    if float(array.min()) == float(array.max()):
        detail = f"{place.file}: every voxel is {float(array.min()):g}: remove this particle"
        raise InputError(Problem(detail, file=place.file))
    return array.astype("<f4", copy=False)


class _Volumes:
    """Uploaded volumes; the last few files stay open, since a stack is read many times."""

    def __init__(self, uploads: Path, scratch: Path):
        self._uploads, self._scratch = uploads, scratch
        self._open: OrderedDict[str, MrcVolumes] = OrderedDict()

    def read(self, place: Place) -> NDArray[np.float32]:
        """Read one volume."""
        name = place.file
        if name not in self._open:
            if len(self._open) >= OPEN_AT_ONCE:
                self._open.popitem(last=False)[1].close()
            self._open[name] = MrcVolumes(self._uploads / name, name, self._scratch)
        self._open.move_to_end(name)
        return self._open[name][place.position or 0]

    def __enter__(self) -> _Volumes:
        return self

    def __exit__(self, *_: object) -> None:
        for volumes in self._open.values():
            volumes.close()


class _Packer:
    """Streams volumes into the stacks; what is wrong with one is noted and it is passed over."""

    def __init__(self, volumes: _Volumes, star: str, problems: Problems, progress: Progress | None):
        self._volumes, self._star = volumes, star
        self._problems, self._progress = problems, progress

    def write(self, target: Path, sources: list[Source], header: bytes) -> None:
        """Write ``particles.mrcs``, and ``weights.npy`` where there are weights."""
        with (target / PARTICLES).open("wb") as stack:
            stack.write(header)
            if not any(source.weight for source in sources):
                self._stream(sources, stack, None)
                return
            with (target / WEIGHTS).open("wb") as weights:
                self._stream(sources, stack, weights)

    def _stream(self, sources: list[Source], stack: BinaryIO, weights: BinaryIO | None) -> None:
        for done, source in enumerate(sources, start=1):
            try:
                volume = _checked(self._volumes, source.volume)
                stack.write(volume.data)
                if weights is not None and source.weight is not None:
                    if done == 1:
                        box = volume.shape[0]
                        _write_npy_header(weights, (len(sources), box, box, box // 2 + 1))
                    given = self._volumes.read(source.weight)
                    weights.write(half_weights(given, source.weight.file).data)
            except InputError as error:
                found = (located(problem, source, self._star) for problem in error.problems)
                self._problems.add(*found)
            if self._progress is not None:
                self._progress(done, len(sources))


def _rows(intake: Intake, summary: DatasetSummary) -> ParticleRows:
    """Return the dataset's own table: the names as they were, the poses if any were given."""
    names = [source.name for source in intake.sources]
    table, size = intake.table, summary.voxel_size_angstrom
    if table is None:
        return ParticleRows(images=names, voxel_size=size, box=summary.box)
    ctf_images = table.ctf_images
    return ParticleRows(
        images=names,
        voxel_size=size,
        box=summary.box,
        rotations=table.rotations,
        shifts=None if table.rotations is None else table.shifts_angstrom(size) / size,
        classes=table.classes,
        tomograms=table.tomograms,
        ctf_images=None if ctf_images is None else [image.text for image in ctf_images],
        half_sets=table.half_sets,
        microscope=table.microscope,
    )


def _publish(temporary: Path, folder: Path) -> None:
    """Move everything into place, the record last: it alone makes the dataset exist."""
    for path in temporary.iterdir():
        sync(path)
    for name in (PARTICLES, WEIGHTS, TABLE):
        if (temporary / name).exists():
            os.replace(temporary / name, folder / name)
    sync_folder(folder)
    os.replace(temporary / RECORD, folder / RECORD)
    sync_folder(folder)
