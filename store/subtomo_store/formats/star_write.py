"""Particle tables out, as RELION 5 reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from subtomo_core.orientation.rotations import relion_angles, relion_origins
from subtomo_store.files.whole import write_whole
from subtomo_store.formats.star_text import quote


class Microscope(NamedTuple):
    """Values which RELION wants in every optics table, though a 3D particle needs none."""

    voltage_kv: float = 300.0
    spherical_aberration_mm: float = 2.7
    amplitude_contrast: float = 0.1


USUAL_MICROSCOPE = Microscope()
OPTICS_GROUP = "opticsGroup1"
COORDINATES, AXES = "rlnCoordinate{}", ("X", "Y", "Z")
PIXEL_ORIGINS = ("rlnOriginX", "rlnOriginY", "rlnOriginZ")
ZERO, MINUS_ZERO = "0.000000", "-0.000000"


@dataclass(frozen=True, eq=False)
class ParticleRows:
    """What is written about each of N particles; None leaves the column out.

    Attributes
    ----------
    images : sequence of str
        ``rlnImageName``.
    voxel_size : float
        Of the volumes that are named, in ångström.
    box : int
        Their side in voxels.
    rotations : array, shape (N, 3, 3)
        Reference to particle.
    shifts : array, shape (N, 3)
        Voxels, order x, y, z: where the particle lies from its centre.
    classes : sequence of int
        Counted from 1.
    probabilities, log_likelihoods : array, shape (N,)
        Of the best pose, and of the particle.
    correlations : array, shape (N,)
        With the reference at the best pose, ``rlnParticleFigureOfMerit``.
    tomograms, ctf_images : sequence of str
        ``rlnTomoName`` and ``rlnCtfImage``.
    half_sets : sequence of int
        1 or 2.
    coordinates : array, shape (N, 3)
        Of the boxes in their tomograms, in voxels of the boxes.
    turns : array, shape (N, 3, 3)
        Of boxes that were cut out turned: box to tomogram.
    remark : str
        A comment of one line at the head of the file.
    """

    images: Sequence[str]
    voxel_size: float
    box: int
    rotations: ArrayLike | None = None
    shifts: ArrayLike | None = None
    classes: ArrayLike | None = None
    probabilities: ArrayLike | None = None
    log_likelihoods: ArrayLike | None = None
    correlations: ArrayLike | None = None
    tomograms: Sequence[str] | None = None
    ctf_images: Sequence[str] | None = None
    half_sets: ArrayLike | None = None
    coordinates: ArrayLike | None = None
    turns: ArrayLike | None = None
    microscope: Microscope = USUAL_MICROSCOPE
    remark: str | None = None


class Block(NamedTuple):
    """A block of a STAR file: its columns as they are written, a loop or names with one value."""

    name: str
    columns: Mapping[str, Sequence[str]]
    looped: bool = True


def write_particles(target: Path | BinaryIO, rows: ParticleRows) -> None:
    """Write ``data_optics`` and ``data_particles``; the same rows give the same bytes.

    A path is written whole or not at all.
    """
    blocks = [Block("optics", optics_of(rows)), Block("particles", _columns(rows))]
    write_blocks(target, blocks, remark=rows.remark)


def write_blocks(
    target: Path | BinaryIO, blocks: Iterable[Block], *, remark: str | None = None
) -> None:
    """Write blocks, and at the head of the file a remark; a path is written whole or not at all."""
    content = (head(remark) + "".join(chain.from_iterable(map(lines_of, blocks)))).encode()
    if isinstance(target, Path):
        write_whole(target, lambda file: file.write(content))
    else:
        target.write(content)


def head(remark: str | None) -> str:
    """The line of a remark at the head of a file."""
    return f"# {' '.join(remark.split())}\n" if remark else ""


def optics_of(rows: ParticleRows) -> dict[str, list[str]]:
    """Columns of the particles' one optics group."""
    return optics_columns(rows.microscope, rows.voxel_size, rows.box, dimensions=3)


def optics_columns(
    microscope: Microscope, pixel_size: float, size: int, *, dimensions: int
) -> dict[str, list[str]]:
    """Columns of a table with one optics group."""
    return {
        "rlnOpticsGroup": ["1"],
        "rlnOpticsGroupName": [OPTICS_GROUP],
        "rlnVoltage": numbers([microscope.voltage_kv]),
        "rlnSphericalAberration": numbers([microscope.spherical_aberration_mm]),
        "rlnAmplitudeContrast": numbers([microscope.amplitude_contrast]),
        "rlnImagePixelSize": numbers([pixel_size]),
        "rlnImageSize": [str(size)],
        "rlnImageDimensionality": [str(dimensions)],
    }


def _columns(rows: ParticleRows) -> dict[str, list[str]]:
    count = len(rows.images)
    columns: dict[str, list[str]] = {}
    if rows.tomograms is not None:
        columns["rlnTomoName"] = [quote(name) for name in rows.tomograms]
    if rows.coordinates is not None:
        add_vectors(columns, COORDINATES, AXES, rows.coordinates)
    columns["rlnImageName"] = [quote(name) for name in rows.images]
    if rows.ctf_images is not None:
        columns["rlnCtfImage"] = [quote(name) for name in rows.ctf_images]
    columns["rlnOpticsGroup"] = ["1"] * count
    if rows.turns is not None:
        parts = ("Rot", "Tilt", "Psi")
        add_vectors(columns, "rlnTomoSubtomogram{}", parts, relion_angles(rows.turns))
    columns |= refined(rows)
    wrong = [name for name, values in columns.items() if len(values) != count]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: another number of rows than the {count} particles")
    return columns


def refined(rows: ParticleRows) -> dict[str, list[str]]:
    """Columns that a job makes: poses, classes, halves and scores."""
    columns: dict[str, list[str]] = {}
    if rows.rotations is not None:
        add_vectors(columns, "rlnAngle{}", ("Rot", "Tilt", "Psi"), relion_angles(rows.rotations))
    if rows.shifts is not None:
        origins = relion_origins(rows.shifts, rows.voxel_size)
        add_vectors(columns, "rlnOrigin{}Angst", ("X", "Y", "Z"), origins)
    for name, whole in (("rlnClassNumber", rows.classes), ("rlnRandomSubset", rows.half_sets)):
        if whole is not None:
            columns[name] = [str(value) for value in np.asarray(whole, np.int64).tolist()]
    for name, real in (
        ("rlnMaxValueProbDistribution", rows.probabilities),
        ("rlnLogLikeliContribution", rows.log_likelihoods),
        ("rlnParticleFigureOfMerit", rows.correlations),
    ):
        if real is not None:
            columns[name] = numbers(real)
    return columns


def pixel_origins(rows: ParticleRows) -> dict[str, list[str]]:
    """Origins in pixels, as RELION 3.0 writes them."""
    columns: dict[str, list[str]] = {}
    if rows.shifts is not None:
        add_vectors(columns, "{}", PIXEL_ORIGINS, relion_origins(rows.shifts, 1.0))
    return columns


def add_vectors(
    columns: dict[str, list[str]], pattern: str, parts: Sequence[str], vectors: ArrayLike
) -> None:
    """Add vectors (N, m) to a table: a column for each of m parts of their name."""
    for part, values in zip(parts, np.asarray(vectors, np.float64).T, strict=True):
        columns[pattern.format(part)] = numbers(values)


def numbers(values: ArrayLike) -> list[str]:
    """Six decimals each; a column of a large table is a million of them."""
    texts = map("{:.6f}".format, np.asarray(values, np.float64).tolist())
    return [ZERO if text == MINUS_ZERO else text for text in texts]


def lines_of(block: Block) -> Iterable[str]:
    """Text of a block."""
    yield f"\n# version 50001\n\ndata_{block.name}\n\n"
    if block.looped:
        yield "loop_\n"
        for number, name in enumerate(block.columns, start=1):
            yield f"_{name} #{number}\n"
        for row in zip(*block.columns.values(), strict=True):
            yield " ".join(row) + "\n"
    else:
        for name, (value,) in block.columns.items():
            yield f"_{name} {value}\n"
    yield "\n"
