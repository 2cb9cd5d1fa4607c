"""RELION 5's 2D stacks, read by the documentation of the format and none of the product's code.

A point p of a tomogram, from its centre, is seen at the first two components of ``P p`` with
``P = Rz(rlnTomoZRot) Ry(rlnTomoYTilt) Rx(rlnTomoXTilt)``, and its defocus is that of the image
plus ``rlnTomoHand`` times the third. A stack holds the images whose flag in
``rlnTomoVisibleFrames`` is 1. An image shows protein bright times a contrast transfer that is
positive at low frequencies and the weight of its dose, ``rlnMicrographPreExposure``; if
``rlnCtfDataAreCtfPremultiplied`` it has been multiplied by both once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ducc0
import mrcfile
import numpy as np
import starfile
from scipy.spatial.transform import Rotation

Row = dict[str, Any]
FIELD = 2  # images are padded to so many boxes


@dataclass(frozen=True)
class StackParticle:
    """Images (V, n, n) of a particle, and all that the files tell of them."""

    images: np.ndarray
    row: Row
    tilts: list[Row]  # of the visible images
    optics: Row
    tomogram: Row

    @property
    def box(self) -> int:
        return int(self.images.shape[-1])

    @property
    def pixel(self) -> float:
        return float(self.optics["rlnImagePixelSize"])

    def projection(self, tilt: Row) -> np.ndarray:
        angles = [tilt[f"rlnTomo{name}"] for name in ("XTilt", "YTilt", "ZRot")]
        return np.asarray(Rotation.from_euler("xyz", angles, degrees=True).as_matrix())

    def transfer(self, tilt: Row, uv: np.ndarray) -> np.ndarray:
        """Contrast transfer times dose at components (P, 2) in pixels of the box's transform."""
        frequency = np.hypot(*uv.T) / (self.box * self.pixel)
        volt = 1e3 * float(self.optics["rlnVoltage"])
        wave = 12.2643247 / np.sqrt(volt * (1.0 + volt * 0.978466e-6))
        place = [float(self.row[f"rlnCenteredCoordinate{axis}Angst"]) for axis in "XYZ"]
        depth = self.tomogram["rlnTomoHand"] * (self.projection(tilt) @ place)[2]
        long, short = tilt["rlnDefocusU"] + depth, tilt["rlnDefocusV"] + depth
        along = np.arctan2(uv[:, 1], uv[:, 0]) - np.radians(tilt["rlnDefocusAngle"])
        defocus = long * np.cos(along) ** 2 + short * np.sin(along) ** 2
        spherical = 1e7 * float(self.optics["rlnSphericalAberration"])
        phase = np.pi * wave * frequency**2 * (defocus - 0.5 * spherical * (wave * frequency) ** 2)
        contrast = np.sin(phase + np.arcsin(float(self.optics["rlnAmplitudeContrast"])))
        critical = 0.245 * np.maximum(frequency, 1e-9) ** -1.665 + 2.81
        damage = np.exp(-0.5 * tilt["rlnMicrographPreExposure"] / critical)
        return np.asarray(tilt["rlnCtfScalefactor"] * contrast * damage)

    @property
    def premultiplied(self) -> bool:
        return bool(int(self.optics["rlnCtfDataAreCtfPremultiplied"]))


def read_stacks(folder: Path) -> list[StackParticle]:
    """Every particle that an optimisation set leads to."""
    files = starfile.read(folder / "optimisation_set.star")
    tables = starfile.read(folder / files["rlnTomoParticlesFile"], always_dict=True)
    assert int(tables["general"]["rlnTomoSubTomosAre2DStacks"]) == 1
    (optics,) = records(tables["optics"])
    tomograms = {
        row["rlnTomoName"]: row
        for row in records(starfile.read(folder / files["rlnTomoTomogramsFile"]))
    }
    found = []
    for row in records(tables["particles"]):
        name = row["rlnTomoName"]
        series = starfile.read(
            folder / tomograms[name]["rlnTomoTiltSeriesStarFile"], always_dict=True
        )
        tilts = records(series[name])
        assert len(tilts) == tomograms[name]["rlnTomoFrameCount"]
        flags = [int(flag) for flag in row["rlnTomoVisibleFrames"].strip("[]").split(",")]
        images = mrcfile.read(folder / row["rlnImageName"])
        seen = [tilt for tilt, flag in zip(tilts, flags, strict=True) if flag]
        assert images.shape == (len(seen), optics["rlnImageSize"], optics["rlnImageSize"])
        found.append(StackParticle(images, row, seen, optics, tomograms[name]))
    return found


def records(table: Any) -> list[Row]:
    return [table] if isinstance(table, dict) else table.to_dict("records")


def components(box: int) -> np.ndarray:
    """Components (P, 2) of a padded image within the circle of the box's transform."""
    side = np.fft.fftfreq(FIELD * box, 1.0 / box)
    v, u = np.meshgrid(side, side, indexing="ij")
    return np.asarray(np.stack([u, v], -1)[np.hypot(u, v) <= box / 2 - 1])


def image_transform(image: np.ndarray) -> np.ndarray:
    """Transform (P,) at `components` of an image (n, n), its origin in the middle."""
    box = len(image)
    edge = (FIELD - 1) * box // 2
    padded = np.fft.fft2(np.fft.ifftshift(np.pad(image.astype(np.float64), edge)))
    side = np.fft.fftfreq(FIELD * box, 1.0 / box)
    return np.asarray(padded[np.hypot(*np.meshgrid(side, side)) <= box / 2 - 1])


def rebuilt(particle: StackParticle) -> tuple[np.ndarray, np.ndarray]:
    """Sum S (n, n, n) in real space, and weights W (n, n, n // 2 + 1) by trilinear shares."""
    n = particle.box
    uv = components(n)
    total = np.zeros((n, n, n))
    weight = np.zeros((n + 2,) * 3)
    for image, tilt in zip(particle.images, particle.tilts, strict=True):
        transfer = particle.transfer(tilt, uv)
        values = image_transform(image)
        if not particle.premultiplied:
            values = values * transfer
        points = uv @ particle.projection(tilt)[:2]
        total += plane_waves(values, points, n)
        share_out(weight, points, transfer**2 / FIELD**2)
    weight = np.fft.ifftshift(weight[1:-1, 1:-1, 1:-1])
    return total / (n * (FIELD * n) ** 2), weight[..., : n // 2 + 1]


def plane_waves(values: np.ndarray, points: np.ndarray, n: int) -> np.ndarray:
    """Sum (n, n, n) of waves at ``points`` (P, 3), order x, y, z."""
    found = ducc0.nufft.nu2u(
        points=values.astype(np.complex128),
        coord=np.ascontiguousarray(points[:, ::-1]) * (2.0 * np.pi / n),
        forward=False,
        epsilon=1e-6,
        out=np.zeros((n,) * 3, np.complex128),
        nthreads=1,
    )
    return np.asarray(found.real)


def share_out(weight: np.ndarray, points: np.ndarray, values: np.ndarray) -> None:
    """Add values at points to the eight components about each, the origin in the middle."""
    places = points[:, ::-1] + len(weight) // 2
    first = np.floor(places).astype(int)
    rest = places - first
    for corner in np.ndindex(2, 2, 2):
        share = np.prod(np.where(corner, rest, 1.0 - rest), axis=1)
        np.add.at(weight, tuple((first + corner).T), share * values)


def slice_of(volume: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Transform (P,) of a volume (n, n, n) at points (P, 3), order x, y, z."""
    found = ducc0.nufft.u2nu(
        grid=volume.astype(np.complex128),
        coord=np.ascontiguousarray(points[:, ::-1]) * (2.0 * np.pi / len(volume)),
        forward=True,
        epsilon=1e-6,
        nthreads=1,
    )
    return np.asarray(found)
