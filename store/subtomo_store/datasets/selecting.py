"""A dataset made of some particles of another one, binned or not, with poses of their own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.folds import Grouping
from subtomo_core.data.particle_regions import ParticleRegions
from subtomo_core.fourier.binning import binned, binned_weights
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.missing_region import Each
from subtomo_store.datasets.checksums import Summing, checksum
from subtomo_store.datasets.given_table import GIVEN
from subtomo_store.datasets.grouping import write_grouping
from subtomo_store.datasets.packing import write_npy_header
from subtomo_store.datasets.provenance import Provenance, write_provenance
from subtomo_store.datasets.regions import Behind, read_regions
from subtomo_store.datasets.sealed_folder import (
    bytes_needed,
    publish,
    write_record,
)
from subtomo_store.datasets.sealing import House
from subtomo_store.datasets.stack import TABLE, WEIGHTS, Record, StackParticles
from subtomo_store.datasets.stack_file import PARTICLES
from subtomo_store.files.data_folder import temporary_beside
from subtomo_store.files.whole import storage_error
from subtomo_store.formats.mrc import volume_header
from subtomo_store.formats.star_carry import write_carried, write_some
from subtomo_store.formats.star_write import ParticleRows, write_particles

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ChosenParticles:
    """Particles of a dataset by their places from 0, in their order, their poses, and their box.

    Attributes
    ----------
    rows : ndarray of int64, (M,)
    rotations : ndarray, (M, 3, 3)
        Reference to particle.
    shifts : ndarray, (M, 3)
        Voxels of the source, order x, y, z.
    classes : ndarray of int64, (M,)
        Counted from 1.
    box : int
        In voxels, even: a smaller one than the source's bins the particles.
    half_sets : ndarray of int64, (M,), optional
        1 or 2, where the job kept two halves apart, so that they do not mix from here on; without
        them those of the source's table.
    """

    rows: Rows
    rotations: NDArray[np.float64]
    shifts: NDArray[np.float64]
    classes: Rows
    box: int
    half_sets: Rows | None = None


def select(source: Path, folder: Path, chosen: ChosenParticles, remark: str, house: House) -> None:
    """Make ``folder`` a sealed dataset of particles that lie, sealed, in ``source``.

    Values and weights stay, or are binned; names, missing regions, what belongs together and all
    columns of the table stay; poses and classes are the chosen ones, as the particles' own. Each
    particle is compared with its checksum on the way. A kill leaves nothing, or the complete
    dataset.

    Parameters
    ----------
    source, folder : Path
    chosen : ChosenParticles
    remark : str
        Says where the particles are from.
    house : House
        For quota and sharing.

    Raises
    ------
    StorageError
        If the disk refuses, or what lies there is damaged.
    """
    temporary = temporary_beside(folder / "selecting")
    try:
        temporary.mkdir(parents=True)
        particles = StackParticles(source)
        box, count = chosen.box, len(chosen.rows)
        weighted = particles.weight(int(chosen.rows[0])) is not None
        needed = bytes_needed(count, box, copied=True, weighted=weighted)
        house.reserve(temporary, needed)
        summary = _sampled(particles.summary, box)
        _copy(particles, chosen.rows, summary, temporary, weighted=weighted)
        summary = _write_regions(source, summary, chosen.rows, temporary)
        write_grouping(temporary, _grouping(particles.grouping(), chosen))
        provenance = particles.provenance()
        provenance = provenance._replace(rows=provenance.rows[chosen.rows])
        write_provenance(temporary, provenance)
        _write_tables(particles, chosen, provenance, temporary)
        write_record(temporary, Record(summary, (remark,)), house.share)
        publish(temporary, folder)
    except OSError as error:
        raise storage_error("the dataset could not be written", error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sampled(summary: DatasetSummary, box: int) -> DatasetSummary:
    """The same extent in a box of other voxels."""
    voxel_size = summary.voxel_size_angstrom * summary.box / box
    return summary.model_copy(update={"box": box, "voxel_size_angstrom": voxel_size})


def _copy(
    particles: StackParticles, rows: Rows, summary: DatasetSummary, target: Path, *, weighted: bool
) -> None:
    sums, box = Summing(), summary.box
    with (target / PARTICLES).open("wb") as stack:
        stack.write(volume_header((box, box, box), summary.voxel_size_angstrom, len(rows)))
        for row in rows:
            volume = np.ascontiguousarray(binned(particles.stored(int(row)), box), "<f4")
            sums.particles.append(checksum(volume))
            stack.write(volume.data)
    if weighted:
        with (target / WEIGHTS).open("wb") as file:
            write_npy_header(file, (len(rows), box, box, box // 2 + 1))
            for row in rows:
                weights = particles.weight(int(row))
                assert weights is not None  # noqa: S101 - all have them or none
                kept = np.ascontiguousarray(binned_weights(weights, box), "<f4")
                sums.weights.append(checksum(kept))
                file.write(kept.data)
    sums.write(target)


def _write_regions(
    source: Path, summary: DatasetSummary, rows: Rows, target: Path
) -> DatasetSummary:
    """Keep the missing region of each particle; the summary of those that were chosen."""
    missing, regions = summary.missing, read_regions(source, summary)
    if regions is not None and isinstance(missing, Each):
        used, part = np.unique(regions.part[rows], return_inverse=True)
        turns = None if regions.turns is None else regions.turns[rows]
        parts = [missing.parts[place] for place in used]
        own = ParticleRegions(tuple(one.region for one in parts), part.astype(np.int64), turns)
        missing = own.found(missing.by, [one.names for one in parts])
        Behind(missing, own, []).write(target)
    return summary.model_copy(update={"particles": len(rows), "missing": missing})


def _grouping(whole: Grouping, chosen: ChosenParticles) -> Grouping:
    def of(labels: Rows | None) -> Rows | None:
        return None if labels is None else labels[chosen.rows]

    halves = of(whole.halves) if chosen.half_sets is None else chosen.half_sets - 1
    return Grouping(halves, of(whole.groups), of(whole.tomograms))


def _write_tables(
    particles: StackParticles, chosen: ChosenParticles, uploaded: Provenance, target: Path
) -> None:
    """Write the dataset's own table, and the uploaded one if there was one, with new poses.

    Both name the volumes that were uploaded, and tell voxels of these.
    """
    table, rows = particles.table(), chosen.rows.tolist()
    ctf_images = table.ctf_images

    def texts(names: tuple[str, ...] | None) -> list[str] | None:
        return None if names is None else [names[row] for row in rows]

    def some(values: NDArray[np.generic] | None) -> NDArray[np.generic] | None:
        return None if values is None else values[chosen.rows]

    own = ParticleRows(
        images=[table.images[row].text for row in rows],
        voxel_size=uploaded.voxel_size_angstrom,
        box=uploaded.box,
        rotations=chosen.rotations,
        shifts=chosen.shifts * (uploaded.box / particles.summary.box),
        classes=chosen.classes,
        tomograms=texts(table.tomograms),
        ctf_images=None if ctf_images is None else [ctf_images[row].text for row in rows],
        half_sets=some(table.half_sets) if chosen.half_sets is None else chosen.half_sets,
        coordinates=some(table.coordinates),
        turns=some(table.turns),
        microscope=table.microscope,
    )
    write_particles(target / TABLE, own)
    given = particles.given_table
    if given is None:
        return
    shorter = target / f"some_{GIVEN}"
    with shorter.open("w", encoding="utf-8", newline="\n") as file:
        write_some(file, given, set(rows))
    with (target / GIVEN).open("wb") as written:
        write_carried(written, shorter, own)
    shorter.unlink()
