"""Tilt series: from where images are taken, in which order, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec import MissingRegion, Pyramid, Wedge

Matrices = NDArray[np.float64]


@dataclass(frozen=True)
class TiltSeries:
    """Tilts about the y axis, or about y and then about x.

    Attributes
    ----------
    first_deg, last_deg, step_deg : float
        Tilt range, which need not be symmetric, and step.
    dual_axis : bool
        A second series of the same range about x.
    dose : float
        Of one image, electrons per square ångström. Images are taken from the smallest tilt to
        the largest; the second series after the first.
    shift_error_voxels, rotation_error_deg : float
        Standard deviation of what the alignment gets wrong: of an image's shift on either axis,
        and of its rotation about a random axis.
    """

    first_deg: float = -60.0
    last_deg: float = 60.0
    step_deg: float = 3.0
    dual_axis: bool = False
    dose: float = 3.0
    shift_error_voxels: float = 0.0
    rotation_error_deg: float = 0.0

    def __post_init__(self) -> None:
        if not (-90 < self.first_deg < self.last_deg < 90 and self.step_deg > 0):
            raise InputError(
                Problem(
                    f"a tilt series from {self.first_deg:g} to {self.last_deg:g} degrees in steps "
                    f"of {self.step_deg:g} cannot be taken: tilts rise between -90 and 90"
                )
            )

    @property
    def angles_deg(self) -> NDArray[np.float64]:
        """Tilt of each image, (T,)."""
        count = int(np.floor((self.last_deg - self.first_deg) / self.step_deg + 1e-6)) + 1
        one = self.first_deg + self.step_deg * np.arange(count)
        return np.tile(one, 2 if self.dual_axis else 1)

    @property
    def about_x(self) -> NDArray[np.bool_]:
        """Whether an image belongs to the series about x, (T,)."""
        count = len(self.angles_deg)
        second = np.arange(count) >= count // 2
        return second & self.dual_axis

    @property
    def doses(self) -> NDArray[np.float64]:
        """Dose before the middle of each image's exposure, (T,)."""
        order = np.lexsort((np.abs(self.angles_deg), self.about_x))
        taken = np.empty(len(order))
        taken[order] = np.arange(len(order)) + 0.5
        return self.dose * taken

    @property
    def planes(self) -> Matrices:
        """Directions (T, 2, 3) of the images' x and y axes, order x, y, z.

        The component of an image at (u, v) is that of the volume at ``u a + v b``.
        """
        tilt = np.radians(self.angles_deg)
        zero, one = np.zeros_like(tilt), np.ones_like(tilt)
        turned = np.stack([np.cos(tilt), zero, np.sin(tilt)], -1)
        y = np.stack([zero, one, zero], -1)
        about_y = np.stack([turned, y], 1)
        x = np.stack([one, zero, zero], -1)
        about_x = np.stack([x, np.stack([zero, np.cos(tilt), np.sin(tilt)], -1)], 1)
        return np.where(self.about_x[:, None, None], about_x, about_y)

    @property
    def missing(self) -> MissingRegion:
        """What the series leaves unobserved of a back-projection."""
        low, high = self.first_deg, float(self.angles_deg.max())
        if not self.dual_axis:
            return Wedge(tilt_min_deg=low, tilt_max_deg=high)
        return Pyramid(
            tilt_min_deg=low,
            tilt_max_deg=high,
            second_tilt_min_deg=low,
            second_tilt_max_deg=high,
        )
