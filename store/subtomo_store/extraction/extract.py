"""Subtomograms of all picks, in one stack with a particle table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_store.extraction.boxes import BoxSize, corners, cut, inside
from subtomo_store.extraction.tomograms import Tomograms
from subtomo_store.formats.mrc import volume_header
from subtomo_store.formats.picks import Picks, PixelSize
from subtomo_store.formats.picks_files import read_picks
from subtomo_store.formats.problems import named
from subtomo_store.formats.star import ParticleRows, write_particles
from subtomo_store.formats.volumes import FileVolumes, read_header

STACK, TABLE = "particles.mrcs", "particles.star"
_SAME_SIZE = 0.01
_LEAST_INSIDE = 0.5

Array = NDArray[np.float64]
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Extraction:
    """How boxes are cut out.

    Attributes
    ----------
    size : BoxSize
    voxel_size : float or None
        Of the tomograms, in Å; their headers' by default.
    coordinate_pixel_size : float or None
        Of places that lists tell in pixels; see `picks.PixelSize`.
    fill_edges : bool
        Boxes that reach out of a tomogram are kept if at least half of them lies within, filled
        with the mean; else they are left out.
    """

    size: BoxSize
    voxel_size: float | None = None
    coordinate_pixel_size: float | None = None
    fill_edges: bool = False


class Extracted(NamedTuple):
    """What came of it: particles, their voxel size in Å, and remarks."""

    particles: int
    voxel_size: float
    remarks: list[str]


class _Pick(NamedTuple):
    """A pick in voxels of its tomogram."""

    listing: str
    row: int
    name: str
    tomogram: Path
    place: Array
    rotation: Array | None


def extract(
    lists: Sequence[Path],
    tomograms: Tomograms,
    folder: Path,
    extraction: Extraction,
    progress: Progress = lambda _done, _all: None,
) -> Extracted:
    """Cut the boxes of all picks out of their tomograms, into ``folder``, which must be new.

    Writes `STACK` and `TABLE`, one row for each box in the order of the picks, with the
    tomogram, the place of the box in voxels of the subtomograms from the tomogram's first voxel,
    what the nearest voxel left of the pick's place as a shift, and the pose if the lists tell
    it. Densities are those of the tomogram. Memory does not grow with the number of picks.

    Raises
    ------
    InputError
        If a list or a tomogram cannot be read, a tomogram is not found, or no box lies within.
    FileExistsError
        If the folder is there.
    """
    size = _voxel_size(tomograms, extraction)
    pixel = PixelSize(size, extraction.coordinate_pixel_size)
    found = [(path, read_picks(path, path.name, pixel)) for path in lists]
    picks = [pick for path, read in found for pick in _placed(path.name, read, tomograms, size)]
    kept, remarks = _within(picks, extraction)
    folder.mkdir(parents=True)
    try:
        _write_stack(folder / STACK, kept, extraction, size, progress)
        write_particles(folder / TABLE, _rows(kept, extraction.size, size))
    except BaseException:
        for name in (STACK, TABLE):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
        raise
    remarks = [remark for _, read in found for remark in read.remarks] + remarks
    return Extracted(len(kept), size * extraction.size.binning, remarks)


def _voxel_size(tomograms: Tomograms, extraction: Extraction) -> float:
    """The one voxel size of all tomograms, in Å."""
    if extraction.voxel_size is not None:
        return extraction.voxel_size
    sizes: dict[Path, float] = {}
    for path in (*tomograms.files, *tomograms.by_name.values()):
        header = read_header(path, path.name)
        if header.voxel_size is None:
            detail = f"{path.name}: {header.unknown_voxel_size}: give --voxel-size"
            raise InputError(Problem(detail, file=path.name))
        sizes[path] = header.voxel_size
    first = next(iter(sizes.values()))
    for path, size in sizes.items():
        if abs(size - first) > _SAME_SIZE * first:
            detail = (
                f"{path.name}: its voxels are of {size:g} Å, those of {next(iter(sizes)).name} of "
                f"{first:g} Å: extract them apart, or say --voxel-size if a header is wrong"
            )
            raise InputError(Problem(detail, file=path.name, column="cella"))
    return first


def _placed(listing: str, picks: Picks, tomograms: Tomograms, size: float) -> Iterable[_Pick]:
    """Picks with their files, in voxels from the first."""
    files: dict[str | None, tuple[Path, Array]] = {}
    for row in range(len(picks)):
        name = None if picks.tomograms is None else picks.tomograms[row]
        if name not in files:
            path = tomograms.find(name, listing)
            middle = np.array(_shape(path)[::-1]) // 2 if picks.from_centre else np.zeros(3)
            files[name] = path, middle.astype(np.float64)
        path, middle = files[name]
        place = picks.centres[row] / size + middle
        rotation = None if picks.rotations is None else picks.rotations[row]
        yield _Pick(listing, row + 1, name or path.name.split(".")[0], path, place, rotation)


def _shape(path: Path) -> tuple[int, int, int]:
    """Of the one volume (z, y, x) in a file."""
    header = read_header(path, path.name)
    if header.volumes != 1:
        detail = f"{path.name}: {header.volumes} volumes in it where one tomogram is wanted"
        raise InputError(Problem(detail, file=path.name))
    return header.shape


def _within(picks: list[_Pick], extraction: Extraction) -> tuple[list[_Pick], list[str]]:
    """Picks whose boxes lie within their tomograms, and what is said of the others."""
    size = extraction.size
    shapes = {pick.tomogram: _shape(pick.tomogram) for pick in picks}
    shares = np.array(
        [inside(corners(p.place[None], size)[0], size, shapes[p.tomogram]) for p in picks]
    )
    wanted = shares >= (_LEAST_INSIDE if extraction.fill_edges else 1.0)
    kept = [pick for pick, good in zip(picks, wanted, strict=True) if good]
    left = [f"{p.listing} row {p.row}" for p, good in zip(picks, wanted, strict=True) if not good]
    if not kept:
        first = picks[int(np.argmax(shares))]
        x, y, z = first.place
        shape = " x ".join(str(side) for side in shapes[first.tomogram][::-1])
        detail = (
            f"{first.listing}, row {first.row}: its box of {size.side} voxels about {x:.0f}, "
            f"{y:.0f}, {z:.0f} does not lie within {first.tomogram.name} ({shape} voxels), nor "
            "does any other: check --coordinate-pixel-size and the binning of the tomograms, or "
            "say --fill-edges"
        )
        raise InputError(Problem(detail, file=first.listing, row=first.row))
    remarks = []
    if left:
        how = "less than half within" if extraction.fill_edges else "not all within"
        remarks.append(f"left out, for their boxes lie {how} their tomograms: {named(left)}")
    filled = int(np.count_nonzero(wanted & (shares < 1.0)))
    if filled:
        remarks.append(f"{filled} boxes reach out of their tomograms and were filled with the mean")
    return kept, remarks


def _write_stack(
    path: Path, picks: list[_Pick], extraction: Extraction, voxel: float, progress: Progress
) -> None:
    size = extraction.size
    tomogram: FileVolumes | None = None
    opened: Path | None = None
    try:
        with path.open("wb") as file:
            shape = (size.box,) * 3
            file.write(volume_header(shape, voxel * size.binning, len(picks)))
            for done, pick in enumerate(picks, 1):
                if tomogram is None or pick.tomogram != opened:
                    if tomogram is not None:
                        tomogram.close()
                    tomogram, opened = FileVolumes(pick.tomogram), pick.tomogram
                corner = corners(pick.place[None], size)[0]
                file.write(cut(tomogram, corner, size).astype("<f4", copy=False).data)
                progress(done, len(picks))
    finally:
        if tomogram is not None:
            tomogram.close()


def _rows(picks: list[_Pick], size: BoxSize, voxel: float) -> ParticleRows:
    places = np.stack([pick.place for pick in picks])
    middles = corners(places, size) + size.side // 2
    posed = all(pick.rotation is not None for pick in picks)
    return ParticleRows(
        images=[f"{number:06d}@{STACK}" for number in range(1, len(picks) + 1)],
        voxel_size=voxel * size.binning,
        box=size.box,
        tomograms=[pick.name for pick in picks],
        coordinates=middles / size.binning,
        rotations=np.stack([p.rotation for p in picks if p.rotation is not None])
        if posed
        else None,
        shifts=(places - middles) / size.binning,
    )
