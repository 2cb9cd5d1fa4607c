"""Particle tables out, as RELION 5 reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from subtomo_core.rotations import relion_angles, relion_origins
from subtomo_store.formats.star_text import quote
from subtomo_store.whole import write_whole


class Microscope(NamedTuple):
    """Values which RELION wants in every optics table, though a 3D particle needs none."""

    voltage_kv: float = 300.0
    spherical_aberration_mm: float = 2.7
    amplitude_contrast: float = 0.1


USUAL_MICROSCOPE = Microscope()
ZERO, MINUS_ZERO = "0.000000", "-0.000000"


@dataclass(frozen=True, eq=False)
class ParticleRows:
    """What is written about each of N particles; None leaves the column out.

    Attributes
    ----------
    images : sequence of str
        ``rlnImageName``.
    voxel_size : float
        In ångström.
    box : int
        Side in voxels.
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
    microscope: Microscope = USUAL_MICROSCOPE
    remark: str | None = None


def write_particles(target: Path | BinaryIO, rows: ParticleRows) -> None:
    """Write ``data_optics`` and ``data_particles``; the same rows give the same bytes.

    A path is written whole or not at all.
    """
    content = "".join(_text(rows)).encode()
    if isinstance(target, Path):
        write_whole(target, lambda file: file.write(content))
    else:
        target.write(content)


def _text(rows: ParticleRows) -> Iterable[str]:
    columns = _columns(rows)
    if rows.remark:
        yield f"# {' '.join(rows.remark.split())}\n"
    yield "\n# version 50001\n\ndata_optics\n\n"
    yield from _loop({name: [value] for name, value in _optics(rows).items()})
    yield "\n\n# version 50001\n\ndata_particles\n\n"
    yield from _loop(columns)
    yield "\n"


def _optics(rows: ParticleRows) -> dict[str, str]:
    microscope = rows.microscope
    return {
        "rlnOpticsGroup": "1",
        "rlnOpticsGroupName": "opticsGroup1",
        "rlnVoltage": _number(microscope.voltage_kv),
        "rlnSphericalAberration": _number(microscope.spherical_aberration_mm),
        "rlnAmplitudeContrast": _number(microscope.amplitude_contrast),
        "rlnImagePixelSize": _number(rows.voxel_size),
        "rlnImageSize": str(rows.box),
        "rlnImageDimensionality": "3",
    }


def _columns(rows: ParticleRows) -> dict[str, list[str]]:
    count = len(rows.images)
    columns: dict[str, list[str]] = {}
    if rows.tomograms is not None:
        columns["rlnTomoName"] = [quote(name) for name in rows.tomograms]
    columns["rlnImageName"] = [quote(name) for name in rows.images]
    if rows.ctf_images is not None:
        columns["rlnCtfImage"] = [quote(name) for name in rows.ctf_images]
    columns["rlnOpticsGroup"] = ["1"] * count
    if rows.rotations is not None:
        _add_vectors(columns, "rlnAngle{}", ("Rot", "Tilt", "Psi"), relion_angles(rows.rotations))
    if rows.shifts is not None:
        origins = relion_origins(rows.shifts, rows.voxel_size)
        _add_vectors(columns, "rlnOrigin{}Angst", ("X", "Y", "Z"), origins)
    for name, whole in (("rlnClassNumber", rows.classes), ("rlnRandomSubset", rows.half_sets)):
        if whole is not None:
            columns[name] = [str(value) for value in np.asarray(whole, np.int64).tolist()]
    for name, real in (
        ("rlnMaxValueProbDistribution", rows.probabilities),
        ("rlnLogLikeliContribution", rows.log_likelihoods),
        ("rlnParticleFigureOfMerit", rows.correlations),
    ):
        if real is not None:
            columns[name] = _numbers(real)
    wrong = [name for name, values in columns.items() if len(values) != count]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: another number of rows than the {count} particles")
    return columns


def _add_vectors(
    columns: dict[str, list[str]], pattern: str, parts: Sequence[str], vectors: NDArray[Any]
) -> None:
    for part, values in zip(parts, np.asarray(vectors, np.float64).T, strict=True):
        columns[pattern.format(part)] = _numbers(values)


def _numbers(values: ArrayLike) -> list[str]:
    """Six decimals each; a column of a large table is a million of them."""
    texts = map("{:.6f}".format, np.asarray(values, np.float64).tolist())
    return [ZERO if text == MINUS_ZERO else text for text in texts]


def _number(value: float) -> str:
    return _numbers([value])[0]


def _loop(columns: dict[str, list[str]]) -> Iterable[str]:
    yield "loop_\n"
    for number, name in enumerate(columns, start=1):
        yield f"_{name} #{number}\n"
    for row in zip(*columns.values(), strict=True):
        yield " ".join(row) + "\n"
