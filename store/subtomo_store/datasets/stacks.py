"""Stacks of tilt images: which images of a particle there are, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.imaging.microscope import Defocus, Microscope
from subtomo_core.imaging.stacks import Views
from subtomo_store.formats.particle_table import ParticleTable
from subtomo_store.formats.star_stacks import StackRows
from subtomo_store.formats.tomograms import TiltSeriesTable, Tomogram

WARP = ".tomostar"  # ends the names of WarpTools' tomograms
_MICROMETRE = 1e4  # in ångström


class Series(NamedTuple):
    """A tomogram of the set, and its tilt series."""

    tomogram: Tomogram
    images: TiltSeriesTable


class Chosen(NamedTuple):
    """Which images of a stack are used.

    Attributes
    ----------
    frames : ndarray of int
        Their places in the tilt series.
    sections : ndarray of int
        Their places in the file.
    """

    frames: NDArray[np.int64]
    sections: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stacks:
    """What is known of the images of particles.

    Attributes
    ----------
    table : ParticleTable
    rows : StackRows
        Of the table.
    series : dict of str to Series
        By the names of the tomograms.
    """

    table: ParticleTable
    rows: StackRows
    series: dict[str, Series]

    def visible(self, index: int) -> NDArray[np.bool_]:
        """Flags of the images of a row (from 0); all images where the table tells none."""
        if self.rows.visible is None:
            return np.ones(len(self._of(index).images.doses), bool)
        return self.rows.visible[index]

    def chosen(self, index: int, depth: int) -> Chosen | None:
        """Images of a row whose stack has ``depth`` images; None where that fits neither.

        RELION's stacks hold the visible images alone. WarpTools wrote all images of the tilt
        series until July 2026, which RELION takes for the visible ones.
        """
        visible = self.visible(index)
        frames = np.flatnonzero(visible)
        if depth == len(frames):
            return Chosen(frames, np.arange(depth))
        return Chosen(frames, frames) if depth == len(visible) else None

    def views(self, index: int, frames: NDArray[np.int64]) -> Views:
        """What is known of some images of a row."""
        tomogram, images = self._of(index)
        rotations = images.rotations[frames]
        turns = self.rows.turns
        planes = rotations[:, :2] if turns is None else rotations[:, :2] @ turns[index]
        return Views(
            planes=np.ascontiguousarray(planes),
            microscope=self.microscope(index),
            defocus=_defocus(images.defocus[frames], self.offsets(index)[frames]),
            doses=images.doses[frames],
            scales=images.scales[frames],
            b_factor=tomogram.b_factor,
            premultiplied=bool(self.rows.premultiplied[index]),
        )

    def microscope(self, index: int) -> Microscope:
        """The microscope of a row: the tomogram's, or else the optics group's.

        Raises
        ------
        InputError
            If a value is missing or makes no sense.
        """
        tomogram = self._of(index).tomogram
        values = []
        names = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
        for name, own, groups in zip(
            names, tomogram.microscope, self.rows.microscopes, strict=True
        ):
            value = own if own is not None or groups is None else float(groups[index])
            if value is None:
                detail = (
                    f"_{name} is missing, both in the tomograms file and in data_optics of the "
                    "particles: the images' contrast transfer is not known without it"
                )
                raise InputError(Problem(detail, column=name))
            values.append(value)
        voltage, aberration, contrast = values
        return Microscope(voltage, aberration, contrast, mtf=False)

    def offsets(self, index: int) -> NDArray[np.float64]:
        """By how much a row's height in each image (F,) raises the defocus, ångström.

        RELION adds ``rlnTomoHand`` times the height over the tomogram's centre.
        """
        tomogram, images = self._of(index)
        place, hand = self.place(index), self.hand(index)
        if place is None or hand is None:
            return np.zeros(len(images.doses))
        heights: NDArray[np.float64] = images.rotations[:, 2] @ place
        return hand * tomogram.slope * heights

    def hand(self, index: int) -> float | None:
        """``rlnTomoHand`` of a row's tomogram: defocus rises with height, or falls (-1)."""
        return self._of(index).tomogram.hand

    def place(self, index: int) -> NDArray[np.float64] | None:
        """Where a row lies from its tomogram's centre, x, y, z in ångström; None if unknown.

        RELION 4 counts pixels of the tilt series from the corner. WarpTools' pixels are those
        of the particles (its `Position0` is divided by the binned pixel size).
        """
        rows, tomogram = self.rows, self._of(index).tomogram
        if rows.centred is not None:
            place = rows.centred[index]
        elif rows.from_corner is None or tomogram.size is None or tomogram.pixel_size is None:
            return None
        else:
            unit = tomogram.pixel_size
            if rows.tomograms[index].endswith(WARP) and self.table.voxel_sizes is not None:
                unit = float(self.table.voxel_sizes[index])
            middle = 0.5 * tomogram.pixel_size * np.array(tomogram.size)
            place = rows.from_corner[index] * unit - middle
        origin = self.table.shifts_angstrom(self._pixel(index))[index]
        turned = origin if rows.turns is None else rows.turns[index] @ origin
        return np.asarray(place + turned)

    def _pixel(self, index: int) -> float:
        sizes = self.table.voxel_sizes
        return 1.0 if sizes is None else float(sizes[index])

    def _of(self, index: int) -> Series:
        return self.series[self.rows.tomograms[index]]


def _defocus(values: NDArray[np.float64], offsets: NDArray[np.float64]) -> tuple[Defocus, ...]:
    return tuple(
        Defocus(
            mean_um=(0.5 * (u + v) + offset) / _MICROMETRE,
            astigmatism_um=(u - v) / _MICROMETRE,
            angle_deg=angle,
            phase_shift_deg=phase,
        )
        for (u, v, angle, phase), offset in zip(values.tolist(), offsets.tolist(), strict=True)
    )
