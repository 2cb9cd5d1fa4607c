"""Tilt series: from where images are taken, in which order, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.fourier.missing import observed_at
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.spec.missing_region import Cone, Formula, Pyramid, Wedge
from subtomo_core.spec.strict import STRICT

Array = NDArray[np.float64]
Geometry = Literal["single", "dual", "conical"]

_MOST_IMAGES = 400
_X, _Y, _Z = np.eye(3)


@dataclass(frozen=True)
class TiltSeries:
    """Tilts about the y axis; about y and then about x; or about y at all azimuths.

    Attributes
    ----------
    first_deg, last_deg, step_deg : float
        Tilt range, which need not be symmetric, and step. A conical series has the one tilt
        ``last_deg``, at azimuths ``step_deg`` apart.
    geometry : {"single", "dual", "conical"}
        Of a dual-axis series the second, about x, has the same tilts.
    dose : float
        Of one image, electrons per square ångström. Images are taken from the smallest tilt to
        the largest, the second series after the first; conical ones in their order.
    shift_error_voxels, rotation_error_deg : float
        Standard deviation of what the alignment gets wrong in each image of a tomogram: its
        shift on either axis, and its rotation about a random axis.
    lost : int
        Images of each tomogram, drawn at random, that cannot be used.
    """

    __pydantic_config__ = STRICT

    first_deg: float = -60.0
    last_deg: float = 60.0
    step_deg: float = 3.0
    geometry: Geometry = "single"
    dose: float = 3.0
    shift_error_voxels: float = 0.0
    rotation_error_deg: float = 0.0
    lost: int = 0

    def __post_init__(self) -> None:
        if not (-90 < self.first_deg < self.last_deg < 90 and self.step_deg > 0):
            raise InputError(
                Problem(
                    f"a tilt series from {self.first_deg:g} to {self.last_deg:g} degrees in steps "
                    f"of {self.step_deg:g} cannot be taken: tilts rise between -90 and 90"
                )
            )
        if self.geometry == "conical" and not self.last_deg > 0:
            raise InputError(Problem("a conical series needs a tilt last_deg above 0"))
        if not 2 <= len(self.angles_deg) <= _MOST_IMAGES:
            detail = f"{len(self.angles_deg)} images: a series has 2 to {_MOST_IMAGES}; change step"
            raise InputError(Problem(detail))
        if min(self.dose, self.shift_error_voxels, self.rotation_error_deg) < 0:
            raise InputError(Problem("dose and errors of the alignment must not be negative"))
        if not 0 <= self.lost <= len(self.angles_deg) - 2:
            detail = f"of {len(self.angles_deg)} images {self.lost} cannot be lost: 2 must be left"
            raise InputError(Problem(detail))

    @property
    def _one(self) -> Array:
        """Tilts (or azimuths) of one series."""
        low, high = (self.first_deg, self.last_deg)
        if self.geometry == "conical":
            low, high = 0.0, 360.0 - self.step_deg
        count = int(np.floor((high - low) / self.step_deg + 1e-6)) + 1
        return np.asarray(low + self.step_deg * np.arange(count))

    @property
    def angles_deg(self) -> Array:
        """Tilt (of a conical series: azimuth) of each image, (T,)."""
        return np.tile(self._one, 2 if self.geometry == "dual" else 1)

    @property
    def doses(self) -> Array:
        """Dose before the middle of each image's exposure, (T,)."""
        count = len(self.angles_deg)
        order = np.arange(count)
        if self.geometry != "conical":
            order = np.lexsort((np.abs(self.angles_deg), order // len(self._one)))
        taken = np.empty(count)
        taken[order] = np.arange(count) + 0.5
        return self.dose * taken

    @property
    def planes(self) -> Array:
        """Directions (T, 2, 3) of the images' x and y axes, order x, y, z.

        The component of an image at (u, v) is that of the volume at ``u a + v b``.
        """
        if self.geometry == "conical":
            turns = rotation_about(_Z, self._one) @ rotation_about(_Y, self.last_deg)
            return np.swapaxes(turns[:, :, :2], 1, 2)
        about_y = np.swapaxes(rotation_about(_Y, -self._one)[:, :, :2], 1, 2)
        if self.geometry == "single":
            return about_y
        about_x = np.swapaxes(rotation_about(_X, self._one)[:, :, :2], 1, 2)
        return np.concatenate([about_y, about_x])

    @property
    def rotations(self) -> Array:
        """From the specimen to each image, which sums it up along z, (T, 3, 3)."""
        planes = self.planes
        beams = np.cross(planes[:, :1], planes[:, 1:])
        return np.concatenate([planes, beams], 1)

    @property
    def axis(self) -> Array:
        """Direction (3,) of what all images are tilted about: 0 where there is no such axis."""
        return _Y if self.geometry == "single" else np.zeros(3)

    @property
    def ramps(self) -> Array:
        """What makes even what slices sample unevenly: (T, 2).

        A component (u, v) stands for ``|u r_x + v r_y|`` of the transform's volume: the distance
        to the same component of the next image, shared out among the images which reach there.
        """
        step = np.radians(self.step_deg)
        one = len(self._one)
        if self.geometry == "conical":
            # Every direction outside the cone lies in two of the slices.
            spacing = 0.5 * step * np.sin(np.radians(self.last_deg))
            return np.tile([0.0, spacing], (one, 1))
        ramps = np.tile([step, 0.0], (one, 1))
        if self.geometry == "dual":
            ramps = np.concatenate([ramps, np.tile([0.0, step], (one, 1))])
        return ramps

    def visits(self, points: Array) -> Array:
        """How many of a dual-axis series' parts observe frequencies (..., 3): 1 or 2, (...)."""
        if self.geometry != "dual":
            return np.ones(points.shape[:-1])
        parts = [self._wedge("y"), self._wedge("x")]
        seen = sum(observed_at(part, points).astype(np.float64) for part in parts)
        return np.maximum(seen, 1.0)

    @property
    def missing(self) -> Formula:
        """What the series leaves unobserved of a back-projection."""
        if self.geometry == "conical":
            return Cone(half_angle_deg=90.0 - self.last_deg)
        wedge = self._wedge("y")
        if self.geometry == "single":
            return wedge
        low, high = wedge.tilt_min_deg, wedge.tilt_max_deg
        return Pyramid(
            tilt_min_deg=low,
            tilt_max_deg=high,
            second_tilt_min_deg=low,
            second_tilt_max_deg=high,
        )

    def _wedge(self, axis: Literal["x", "y"]) -> Wedge:
        last = float(self._one[-1])
        return Wedge(tilt_min_deg=self.first_deg, tilt_max_deg=last, axis=axis)
