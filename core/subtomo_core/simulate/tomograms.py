"""Tomograms of a simulation: what is true of their images, and what is assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from subtomo_core.errors import refuse_unless
from subtomo_core.imaging.components import Array
from subtomo_core.imaging.microscope import Defocus
from subtomo_core.orientation.rotations import rotation_about
from subtomo_core.simulate.forms import Correction
from subtomo_core.simulate.images import Camera
from subtomo_core.simulate.tilts import TiltSeries
from subtomo_core.spec.strict import STRICT


@dataclass(frozen=True)
class Optics:
    """Defocus of the tomograms, and how the images are used.

    Attributes
    ----------
    defocus_um : tuple of float
        Least and largest underfocus.
    error_um : float
        Standard deviation of what is wrong with the defocus which is assumed.
    astigmatism_um : float
        Difference between both axes, known.
    tomograms : int
        Particles come from so many in turn, each with a defocus of its own.
    before : float
        Share of the noise's variance which is there before the microscope, as that of ice is.
    correction : {"flipped", "first zero", "none"}
        What is done to images before they are back-projected.
    premultiplied : bool
        Images in stacks are multiplied by contrast transfer and dose.
    """

    __pydantic_config__ = STRICT

    defocus_um: tuple[float, float] = (2.0, 4.0)
    error_um: float = 0.0
    astigmatism_um: float = 0.0
    tomograms: int = 4
    before: float = 0.0
    correction: Correction = "flipped"
    premultiplied: bool = True

    def __post_init__(self) -> None:
        low, high = self.defocus_um
        rules = {
            "defocus_um must rise, from above 0 to 20": 0.0 < low <= high <= 20.0,
            "error_um must lie between 0 and 5": 0.0 <= self.error_um <= 5.0,
            "astigmatism_um must lie between 0 and the defocus": 0 <= self.astigmatism_um <= low,
            "tomograms must lie between 1 and 1000": 1 <= self.tomograms <= 1000,
            "before is a share from 0 to 1": 0.0 <= self.before <= 1.0,
        }
        refuse_unless("these optics", rules)


@dataclass(frozen=True, eq=False)
class Tomogram:
    """A tomogram of T images.

    Attributes
    ----------
    true, assumed : Defocus
    planes : ndarray, (T, 2, 3)
        From where images were taken in truth: directions of their x and y axes.
    moved : ndarray, (T, 2)
        How far images are shifted in truth, pixels.
    visible : ndarray of bool, (T,)
        Images that can be used.
    """

    true: Defocus
    assumed: Defocus
    planes: Array
    moved: Array
    visible: NDArray[np.bool_]


def drawn_tomogram(camera: Camera, optics: Optics, number: int, seed: int) -> Tomogram:
    """Tomogram ``number``, from 0, with errors drawn for it alone."""
    rng = np.random.default_rng([seed, 1, number])
    low, high = optics.defocus_um
    share = number / max(1, optics.tomograms - 1)
    assumed = Defocus(low + share * (high - low), optics.astigmatism_um, 45.0 * number)
    mean = max(0.0, assumed.mean_um + optics.error_um * rng.normal())
    turns = [_wobble(camera.tilts, rng) for _ in camera.tilts.angles_deg]
    planes = np.einsum("txy,tcy->tcx", np.stack(turns), camera.tilts.planes)
    moved = camera.tilts.shift_error_voxels * rng.normal(size=(len(planes), 2))
    visible = np.ones(len(planes), bool)
    visible[rng.choice(len(planes), camera.tilts.lost, replace=False)] = False
    return Tomogram(replace(assumed, mean_um=mean), assumed, planes, moved, visible)


def _wobble(tilts: TiltSeries, rng: np.random.Generator) -> Array:
    """What an image is turned by beyond its tilt."""
    return rotation_about(rng.normal(size=3), rng.normal() * tilts.rotation_error_deg)
