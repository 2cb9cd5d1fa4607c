"""From uploaded files to a dataset that jobs can read: checked, packed, or refused whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import MissingRegion
from subtomo_store.datasets.checking import check_boxes, remarks_on_box, remarks_on_stacks
from subtomo_store.datasets.duplicates import check_places
from subtomo_store.datasets.given_table import keep_given
from subtomo_store.datasets.grouping import grouping_of, write_grouping
from subtomo_store.datasets.headers import Headers
from subtomo_store.datasets.in_place import left_as_it_is
from subtomo_store.datasets.intake import take_in
from subtomo_store.datasets.intake_parts import Intake
from subtomo_store.datasets.material import Material, Registered
from subtomo_store.datasets.packing import Packer, Progress, Volumes
from subtomo_store.datasets.packing_stacks import StackPacker
from subtomo_store.datasets.region_power import compare_power
from subtomo_store.datasets.regions import regions_of
from subtomo_store.datasets.sealed_folder import (
    bytes_needed,
    check_space,
    publish,
    write_record,
)
from subtomo_store.datasets.stack import TABLE, Record, is_sealed, read_record
from subtomo_store.datasets.stack_file import Stack
from subtomo_store.datasets.voxel_sizes import common_voxel_size
from subtomo_store.files.data_folder import storage_error, temporary_beside
from subtomo_store.files.whole import Written
from subtomo_store.formats.mrc import volume_header
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star import ParticleRows, write_particles

UPLOADS = "uploads"


class House(NamedTuple):
    """What sealing asks of the house around it.

    Attributes
    ----------
    registered : Registered or None
        Files which lie elsewhere.
    allow : callable
        Told the bytes which sealing is about to write; may refuse.
    share : callable
        Told each large file which is complete, before it gets its name.
    uploads : Path or None
        Where the files lie, if not in the dataset's own ``uploads``.
    """

    registered: Registered | None = None
    allow: Callable[[int], object] = lambda _bytes: None
    share: Callable[[Path, Written], object] = lambda _path, _written: None
    uploads: Path | None = None

    def reserve(self, target: Path, needed: int) -> None:
        """Refuse bytes for which the disk has no room, or the quota none.

        Raises
        ------
        StorageError
        QuotaError
        """
        check_space(target, needed)
        self.allow(needed)


def seal(
    folder: Path,
    missing: MissingRegion,
    voxel_size: float | None = None,
    dark_particles: bool = False,
    *,
    progress: Progress | None = None,
    house: House = House(),  # noqa: B008 - a frozen record
) -> DatasetSummary:
    """Check what was uploaded into ``folder/uploads`` and make a dataset of it.

    Writes ``particles.mrcs``, ``weights.npy`` (missing region ``weights`` only), ``given.star`` (a
    STAR table as it was), ``grouping.npz`` (what belongs together, if a table tells),
    ``regions.npz`` (each particle's missing region, where these differ), ``checksums.npz``,
    ``particles.star`` and, last, ``dataset.json``; then the uploads go. One stack which jobs can
    read as it is stays what it is: an uploaded one becomes ``particles.mrcs``, a registered one
    is read where it lies. A kill at any time leaves either the uploads, from which sealing
    starts again, or the complete dataset. Memory does not grow with the number of particles.

    Weights named by ``rlnCtfImage`` are read for the missing region ``weights`` only; beside
    another one they are left out, with a remark in ``dataset.json``.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    missing : MissingRegion
        Which part of Fourier space the particles lack.
    voxel_size : float, optional
        In ångström; from the table or the headers by default.
    dark_particles : bool
        Whether protein is dark in the files.
    progress : callable, optional
        Called with the particles done and their number; may raise to stop.
    house : House, optional
        Files which lie elsewhere, quota and sharing.

    Raises
    ------
    InputError
        With every problem found, at most a hundred.
    StorageError
        If the disk refuses.
    """
    if not is_sealed(folder):
        temporary = temporary_beside(folder / "sealing")
        try:
            temporary.mkdir(parents=True)
            material = Material(house.uploads or folder / UPLOADS, house.registered)
            packed = _pack(material, temporary, missing, voxel_size, progress=progress, house=house)
            dark = packed.summary.model_copy(update={"dark_particles": dark_particles})
            _describe(temporary, packed._replace(summary=dark), house)
            publish(temporary, folder)
        except OSError as error:
            raise storage_error("the dataset could not be written", error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(folder / UPLOADS, ignore_errors=True)
    return read_record(folder).summary


class _Packed(NamedTuple):
    """What is known of the particles once their stack stands."""

    summary: DatasetSummary
    intake: Intake
    stack: Stack
    remarks: list[str]


def _pack(
    material: Material,
    target: Path,
    missing: MissingRegion,
    voxel_size: float | None,
    *,
    progress: Progress | None,
    house: House,
) -> _Packed:
    """Check everything and write what has to be written of particles and weights."""
    problems = Problems()
    intake = take_in(material, missing, problems)
    if intake.carried:
        keep_given(material, intake.listing, target)
    behind = regions_of(intake, missing, problems)
    check_places(intake, problems)
    headers = Headers(material, problems, images=intake.stacks is not None)
    box, good = check_boxes(intake, headers, problems)
    size, remarks = common_voxel_size(intake, headers, voxel_size, problems)
    remarks += [*remarks_on_box(intake, box), *remarks_on_stacks(intake, headers)]
    stack = Stack()
    if box:
        left = None
        if intake.stacks is None and len(good) == len(intake.sources):
            left = left_as_it_is(good, headers, material, target)
        weighted = missing.kind == "weights"
        needed = bytes_needed(len(good), box, copied=left is None, weighted=weighted)
        house.reserve(target, needed)
        header = None if left else volume_header((box, box, box), size, len(good))
        if intake.stacks is None:
            with Volumes(material, target) as volumes:
                packer = Packer(volumes, intake.listing, problems, progress)
                remarks += packer.write(target, good, header)
                remarks += compare_power(volumes, good, behind.regions, problems)
        elif header is not None:
            problems.raise_all()
            builder = StackPacker(intake.stacks, material, intake.listing, problems, progress)
            remarks += builder.write(target, good, header, box, size)
        stack = left or stack
    problems.raise_all()
    summary = DatasetSummary(
        particles=len(intake.sources),
        box=box,
        voxel_size_angstrom=size,
        missing=behind.missing,
    )
    behind.write(target)
    remarks += behind.remarks
    remarks += _where(stack, house.registered, summary)
    return _Packed(summary, intake, stack, remarks)


def _where(stack: Stack, registered: Registered | None, summary: DatasetSummary) -> list[str]:
    """Say of registered files what was copied and what is read where it lies."""
    if registered is None:
        return []
    weights = "; their weights were copied" if summary.missing.kind == "weights" else ""
    if stack.root is not None:
        return [
            f"the particles are read where they lie, in {stack.root}/{stack.file}, and were not "
            f"copied: keep that file as it is while jobs use it{weights}"
        ]
    return [
        f"the {summary.particles} particles of {registered.source} were copied into the data "
        "folder, since they are not one stack of float volumes in their order: jobs read the copy"
    ]


def _describe(target: Path, packed: _Packed, house: House) -> None:
    """Write the particle table and the record, and let large files share their bytes."""
    write_particles(target / TABLE, _rows(packed.intake, packed.summary))
    if packed.intake.table is not None:
        write_grouping(target, grouping_of(packed.intake.table))
    remarks = [*packed.intake.remarks, *packed.remarks]
    write_record(target, Record(packed.summary, tuple(remarks), packed.stack), house.share)


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
        coordinates=None if intake.carried else table.coordinates,
        turns=table.turns,
        microscope=table.microscope,
    )
