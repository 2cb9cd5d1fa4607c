"""Stacks of tilt images, written as RELION 5 and WarpTools write particles by default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from subtomo_core.imaging.microscope import Defocus
from subtomo_core.orientation.rotations import relion_tilts
from subtomo_core.simulate import Stacks
from subtomo_store.formats.mrc import write_images
from subtomo_store.formats.star_write import (
    OPTICS_GROUP,
    Block,
    Microscope,
    add_vectors,
    numbers,
    optics_columns,
    write_blocks,
)

PARTICLES, TOMOGRAMS = "particles.star", "tomograms.star"
_NO_SERIES = "dummy_tiltseries.mrc"  # RELION asks for images of whole tomograms: there are none
_HAND = -1.0  # RELION's usual one; particles lie where it makes no difference

Columns = dict[str, list[str]]


def write_stacks(folder: Path, stacks: Stacks, images: Sequence[str], names: Sequence[str]) -> None:
    """Write a folder in which RELION 5 can be run.

    Parameters
    ----------
    folder : Path
    stacks : Stacks
        N particles in G tomograms.
    images : sequence of str, N
        Files of the particles' images, below the folder.
    names : sequence of str, G
        Of the tomograms.
    """
    pixel_size = stacks.camera.voxel
    for index, image in enumerate(images):
        write_images(folder / image, stacks.images(index), pixel_size)
    blocks = [
        Block("general", {"rlnTomoSubTomosAre2DStacks": ["1"]}, looped=False),
        Block("optics", _optics(stacks)),
        Block("particles", _particles(stacks, images, names)),
    ]
    write_blocks(folder / PARTICLES, blocks)
    tables = [f"tilt_series/{name}.star" for name in names]
    write_blocks(folder / TOMOGRAMS, [Block("global", _tomograms(stacks, names, tables))])
    for name, table, defocus in zip(names, tables, stacks.defocus, strict=True):
        write_blocks(folder / table, [Block(name, _tilt_images(stacks, defocus))])
    write_images(folder / _NO_SERIES, np.zeros((2, 2, 2)), pixel_size)
    files = {"rlnTomoParticlesFile": [PARTICLES], "rlnTomoTomogramsFile": [TOMOGRAMS]}
    write_blocks(folder / "optimisation_set.star", [Block("", files, looped=False)])


def _microscope(stacks: Stacks) -> Microscope:
    given = stacks.camera.microscope
    return Microscope(given.voltage_kv, given.cs_mm, given.amplitude_contrast)


def _optics(stacks: Stacks) -> Columns:
    camera = stacks.camera
    return optics_columns(_microscope(stacks), camera.voxel, camera.box, dimensions=2) | {
        "rlnTomoTiltSeriesPixelSize": numbers([camera.voxel]),
        "rlnTomoSubtomogramBinning": numbers([1.0]),
        "rlnCtfDataAreCtfPremultiplied": [str(int(stacks.premultiplied))],
    }


def _particles(stacks: Stacks, images: Sequence[str], names: Sequence[str]) -> Columns:
    """Particles without poses; the halves take those of a tomogram in turn."""
    ranks = stacks.ranks
    columns = {
        "rlnTomoName": [names[number] for number in stacks.tomograms],
        "rlnTomoParticleId": [str(number + 1) for number in range(len(images))],
        "rlnTomoParticleName": [
            f"{names[number]}/{rank + 1}"
            for number, rank in zip(stacks.tomograms, ranks, strict=True)
        ],
        "rlnImageName": list(images),
        "rlnOpticsGroup": ["1"] * len(images),
        "rlnRandomSubset": [str(rank % 2 + 1) for rank in ranks],
        "rlnTomoVisibleFrames": [_flags(stacks, number) for number in stacks.tomograms],
    }
    places = stacks.places * stacks.camera.voxel
    add_vectors(columns, "rlnCenteredCoordinate{}Angst", "XYZ", places)
    add_vectors(columns, "rlnOrigin{}Angst", "XYZ", np.zeros_like(places))
    return columns


def _flags(stacks: Stacks, tomogram: int) -> str:
    return f"[{','.join('1' if seen else '0' for seen in stacks.visible[tomogram])}]"


def _tomograms(stacks: Stacks, names: Sequence[str], tables: Sequence[str]) -> Columns:
    """Tomograms as large as the row of their particles, two boxes thick."""
    camera, microscope = stacks.camera, _microscope(stacks)
    width = camera.box * (int(stacks.ranks.max()) + 2)

    def each(value: str) -> list[str]:
        return [value] * len(names)

    def number(value: float) -> list[str]:
        return numbers([value] * len(names))

    return {
        "rlnTomoName": list(names),
        "rlnTomoTiltSeriesStarFile": list(tables),
        "rlnTomoTiltSeriesName": each(_NO_SERIES),
        "rlnTomoFrameCount": each(str(len(camera.tilts.planes))),
        "rlnTomoSizeX": each(str(width)),
        "rlnTomoSizeY": each(str(width)),
        "rlnTomoSizeZ": each(str(2 * camera.box)),
        "rlnTomoHand": number(_HAND),
        "rlnOpticsGroupName": each(OPTICS_GROUP),
        "rlnTomoTiltSeriesPixelSize": number(camera.voxel),
        "rlnVoltage": number(microscope.voltage_kv),
        "rlnSphericalAberration": number(microscope.spherical_aberration_mm),
        "rlnAmplitudeContrast": number(microscope.amplitude_contrast),
    }


def _tilt_images(stacks: Stacks, defocus: Defocus) -> Columns:
    """From where the images of a tomogram are assumed to be, their dose and their defocus."""
    tilts = stacks.camera.tilts
    count = len(tilts.planes)
    half = 0.5 * defocus.astigmatism_um
    columns: Columns = {}
    add_vectors(columns, "rlnTomo{}", ("XTilt", "YTilt", "ZRot"), relion_tilts(tilts.rotations))
    add_vectors(columns, "rlnTomo{}ShiftAngst", "XY", np.zeros((count, 2)))
    return columns | {
        "rlnMicrographPreExposure": numbers(tilts.doses),
        "rlnDefocusU": numbers([1e4 * (defocus.mean_um + half)] * count),
        "rlnDefocusV": numbers([1e4 * (defocus.mean_um - half)] * count),
        "rlnDefocusAngle": numbers([defocus.angle_deg] * count),
        "rlnCtfScalefactor": numbers([1.0] * count),
    }
